/**
 * All of the program's own code as JavaScript.
 *
 * It is split into files by what is imported when: V8 compiles a file only when
 * it is imported. But Deno reads in every file that could be, so `cprctl exec`,
 * which runs in a guest's pause and needs a tenth of the code, has a first file
 * of its own. Nothing is minified: a stack trace shall name functions and be of
 * use.
 *
 * @module
 */

import { run } from "../qemu/child.ts";
import { BuildError } from "./error.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** The first file, which imports the others. */
export const ENTRY = "main.js";

/** Each becomes a file of its own, with the ending .js. */
const SOURCES = ["main.ts", "exec.ts"];

/** esbuild is fetched from npm the first time. */
const BUNDLE_TIMEOUT_MS = 120_000;

/** In lib/cli/build.ts; what stands for the commit before a build. */
const STAMP = `"@commit@"`;

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
    ...SOURCES,
  ], { timeoutMs: BUNDLE_TIMEOUT_MS, cwd: REPOSITORY });
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  await stamp(names.map((name) => `${folder}/${name}`), commit);
  return names.sort();
}

/** Writes the commit into the one place for it. */
async function stamp(
  files: readonly string[],
  commit: string | null,
): Promise<void> {
  let stamps = 0;
  for (const file of files) {
    const text = await Deno.readTextFile(file);
    const parts = text.split(STAMP);
    if (parts.length === 1) continue;
    stamps += parts.length - 1;
    await Deno.writeTextFile(file, parts.join(JSON.stringify(commit ?? "")));
  }
  if (stamps !== 1) {
    throw new BuildError(`Cannot write the commit: ${stamps} places for it`, {
      remedy: "Look at lib/cli/build.ts",
    });
  }
}
