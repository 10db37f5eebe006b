/** The commit this program was built from. */

/** Where a build leaves its commit: beside main.ts, or beside the bundle. */
const STAMPS = [
  new URL("../../commit.txt", import.meta.url),
  new URL("./commit.txt", import.meta.url),
];

const GIT = new URL("../../.git/", import.meta.url);

/** The commit as 40 hexadecimal digits; null where nothing tells. */
export function builtFrom(): string | null {
  for (const stamp of STAMPS) {
    const commit = hash(readText(stamp));
    if (commit !== null) return commit;
  }
  const head = readText(new URL("HEAD", GIT));
  const reference = /^ref: (refs\/\S+)\s*$/.exec(head ?? "")?.[1];
  if (reference === undefined) return hash(head);
  return hash(readText(new URL(reference, GIT))) ?? packed(reference);
}

function packed(reference: string): string | null {
  const lines = readText(new URL("packed-refs", GIT))?.split("\n") ?? [];
  return hash(lines.find((line) => line.endsWith(` ${reference}`)));
}

function hash(text: string | null | undefined): string | null {
  return /^[0-9a-f]{40}\b/.exec(text ?? "")?.[0] ?? null;
}

function readText(path: URL): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // A program away from its repository has no such file, or no folder for it.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied
    ) return null;
    throw error;
  }
}
