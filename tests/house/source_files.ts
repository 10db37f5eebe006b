/** Walks the repository's own TypeScript files. */

import { ifThere } from "../../lib/gone.ts";

const REPOSITORY = new URL("../../", import.meta.url);

/** Yields every .ts file below the given repository paths, with its text. */
export async function* sourceFiles(
  roots: readonly string[],
): AsyncGenerator<{ path: string; text: string }> {
  for (const root of roots) {
    for await (const path of walk(root)) {
      yield { path, text: await Deno.readTextFile(new URL(path, REPOSITORY)) };
    }
  }
}

async function* walk(path: string): AsyncGenerator<string> {
  const info = await ifThere(Deno.stat(new URL(path, REPOSITORY)));
  if (info === undefined) return;
  if (info.isFile) {
    if (path.endsWith(".ts")) yield path;
    return;
  }
  for await (const entry of Deno.readDir(new URL(path, REPOSITORY))) {
    yield* walk(`${path}/${entry.name}`);
  }
}
