/**
 * The licences of all that is in a built program, as one text: whoever passes
 * the file on passes them on as well.
 *
 * Which packages those are is read from the bundle itself, which names each
 * file that it was made of: "// …/npm/HOST/valibot/1.5.0/dist/index.mjs".
 *
 * @module
 */

import { VERSION } from "../../lib/version.ts";
import { BuildError } from "./error.ts";

const REPOSITORY = new URL("../../", import.meta.url);
const TEXTS = new URL("licences/", import.meta.url);

const SOURCE = /^\/\/ (\S*\/npm\/[^/\s]+\/((?:@[^/\s]+\/)?[^/\s]+)\/[^/\s]+)\//;

const OF_DENO = `
Deno is linked with other libraries. Cargo.lock in the source of this version
names each; each has its licence in its own source.
`;

/** What is in a program on somebody's terms. */
export interface Component {
  /** Name, version, and the licence as SPDX names it. */
  readonly title: string;
  readonly text: string;
}

/**
 * What is in a program, its own code first.
 *
 * @param files paths of the bundle's files
 * @throws {BuildError} for a package whose licence cannot be told
 */
export async function componentsOf(
  files: readonly string[],
): Promise<Component[]> {
  const found: Component[] = [{
    title: `cprctl ${VERSION} (Apache-2.0)`,
    text: await Deno.readTextFile(new URL("LICENSE", REPOSITORY)),
  }];
  for (const folder of await foldersOf(files)) found.push(await read(folder));
  const [deno, v8] = await Promise.all(
    ["deno.txt", "v8.txt"].map((name) =>
      Deno.readTextFile(new URL(name, TEXTS))
    ),
  );
  found.push(
    { title: `Deno ${Deno.version.deno} (MIT)`, text: deno + OF_DENO },
    { title: `V8 ${Deno.version.v8} (BSD-3-Clause)`, text: v8 ?? "" },
  );
  return found;
}

/** The same as one text. */
export function inOneText(components: readonly Component[]): string {
  const line = "=".repeat(78);
  return components
    .map(({ title, text }) => `${line}\n${title}\n${line}\n\n${text.trim()}\n`)
    .join("\n");
}

/** The folders of the packages, by name. */
async function foldersOf(files: readonly string[]): Promise<string[]> {
  const folders = new Map<string, string>();
  for (const file of files) {
    for (const line of (await Deno.readTextFile(file)).split("\n")) {
      const [, folder, name] = SOURCE.exec(line) ?? [];
      if (folder !== undefined && name !== undefined) folders.set(name, folder);
    }
  }
  return [...folders.keys()].sort().map((name) =>
    new URL(folders.get(name) ?? "", REPOSITORY).pathname
  );
}

async function read(folder: string): Promise<Component> {
  const { name, version, license, author }: Record<string, unknown> = JSON
    .parse(
      await Deno.readTextFile(`${folder}/package.json`),
    );
  const title = `${name} ${version} (${license})`;
  const text = await textIn(folder);
  if (text !== undefined) return { title, text };
  // That text is this program's own, and stands above.
  if (license === "Apache-2.0") {
    const text = `By ${author}, who put no licence's text beside it; that of ` +
      `${license} is above.`;
    return { title, text };
  }
  throw new BuildError(`Cannot find the licence of package "${name}"`, {
    remedy: `Look into ${folder}`,
  });
}

async function textIn(folder: string): Promise<string | undefined> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!/^(licen[cs]e|notice|copying)(\.|$)/i.test(name)) continue;
    texts.push(await Deno.readTextFile(`${folder}/${name}`));
  }
  return texts.length === 0 ? undefined : texts.sort().join("\n");
}
