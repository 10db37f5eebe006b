/**
 * All of the program's own code as JavaScript.
 *
 * It is split into files by what is imported when: a start that needs a tenth of
 * the code, as `cprctl exec` in a guest's downtime does, reads no more than that.
 * Nothing is minified: a stack trace shall name functions and be of use.
 *
 * @module
 */

import { run } from "../../testing/qemu/builds/child.ts";
import { BuildError } from "./error.ts";
import { componentsOf, inOneText } from "./licences.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** The first file, which imports the others. */
export const ENTRY = "main.js";

const SOURCE = "main.ts";

/** esbuild is fetched from npm the first time. */
const BUNDLE_TIMEOUT_MS = 120_000;

/**
 * Bundles the program.
 *
 * @param folder where to put the files; it is there and empty
 * @param commit what the program will say it was built from
 * @returns the files' names, sorted
 */
export async function bundle(
  folder: string,
  commit: string | null,
): Promise<string[]> {
  const deno = Deno.execPath();
  const options = "--quiet --frozen --platform deno --code-splitting";
  await run([
    deno,
    "bundle",
    ...options.split(" "),
    "--outdir",
    folder,
    SOURCE,
  ], { timeoutMs: BUNDLE_TIMEOUT_MS, cwd: REPOSITORY });
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  const files = names.map((name) => `${folder}/${name}`).sort();
  await stamp(files, "lib/cli/build.ts", `"@commit@"`, commit ?? "");
  const licences = inOneText(await componentsOf(files));
  await stamp(files, "lib/cli/licences.ts", `"@licences@"`, licences);
  return names.sort();
}

/** Writes a text into the one place for it, which a source file has. */
async function stamp(
  files: readonly string[],
  source: string,
  place: string,
  text: string,
): Promise<void> {
  let places = 0;
  for (const file of files) {
    const parts = (await Deno.readTextFile(file)).split(place);
    if (parts.length === 1) continue;
    places += parts.length - 1;
    await Deno.writeTextFile(file, parts.join(JSON.stringify(text)));
  }
  if (places !== 1) {
    throw new BuildError(`Cannot write ${place}: ${places} places for it`, {
      remedy: `Look at ${source}`,
    });
  }
}
