/**
 * The licences of all that is in a built program, as one text: whoever passes
 * the file on passes them on as well.
 *
 * Which packages those are is read from the bundle itself, which names each
 * file that it was made of: "// …/npm/HOST/valibot/1.5.0/dist/index.mjs".
 *
 * @module
 */

import { BuildError } from "./error.ts";

const REPOSITORY = new URL("../../", import.meta.url);
const TEXTS = new URL("licences/", import.meta.url);

const SOURCE = /^\/\/ (\S*\/npm\/[^/\s]+\/((?:@[^/\s]+\/)?[^/\s]+)\/[^/\s]+)\//;

/** A package of the bundle. */
interface Package {
  readonly name: string;
  readonly version: string;
  /** The licence as SPDX names it. */
  readonly licence: string;
  /** Its text; undefined where the package brings none. */
  readonly text: string | undefined;
}

/**
 * The text for a program.
 *
 * @param files paths of the bundle's files
 * @throws {BuildError} for a package whose licence cannot be told
 */
export async function licencesOf(files: readonly string[]): Promise<string> {
  const parts = [part("cprctl", await own())];
  for (const folder of await foldersOf(files)) {
    const { name, version, licence, text } = await read(folder);
    parts.push(part(
      `${name} ${version} (${licence})`,
      text ?? `${name} brings no text of its own; that of ${licence} is above.`,
    ));
  }
  parts.push(part(
    `Deno ${Deno.version.deno} (MIT)`,
    await Deno.readTextFile(new URL("deno.txt", TEXTS)) +
      "\nDeno is linked with other libraries. Cargo.lock in the source of this " +
      "version\nnames each; each has its licence in its own source.",
  ));
  parts.push(part(
    `V8 ${Deno.version.v8} (BSD-3-Clause)`,
    await Deno.readTextFile(new URL("v8.txt", TEXTS)),
  ));
  return parts.join("\n");
}

async function own(): Promise<string> {
  return await Deno.readTextFile(new URL("LICENSE", REPOSITORY));
}

function part(title: string, text: string): string {
  return `${"=".repeat(78)}\n${title}\n${"=".repeat(78)}\n\n${text.trim()}\n`;
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

async function read(folder: string): Promise<Package> {
  const { name, version, license }: Record<string, unknown> = JSON.parse(
    await Deno.readTextFile(`${folder}/package.json`),
  );
  const found = { name: `${name}`, version: `${version}` };
  const text = await textIn(folder);
  // Apache-2.0 is this program's own, and stands above.
  if (text === undefined && license !== "Apache-2.0") {
    throw new BuildError(`Cannot find the licence of package "${found.name}"`, {
      remedy: `Look into ${folder}`,
    });
  }
  return { ...found, licence: `${license}`, text };
}

async function textIn(folder: string): Promise<string | undefined> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!/^(licen[cs]e|notice|copying)(\.|$)/i.test(name)) continue;
    texts.push(await Deno.readTextFile(`${folder}/${name}`));
  }
  return texts.length === 0 ? undefined : texts.sort().join("\n");
}
