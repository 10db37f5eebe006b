/** The commit of this program. */

import { BUILT_FROM } from "./build.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** For git on a network file system that hangs. */
const GIT_TIMEOUT_MS = 5_000;

/**
 * The commit as 40 hexadecimal digits, followed by "-dirty" if files differed
 * from it; null if it is not known.
 */
export async function commit(): Promise<string | null> {
  return BUILT_FROM === undefined ? await checkedOut() : BUILT_FROM || null;
}

/** The commit of the source tree, from git. */
async function checkedOut(): Promise<string | null> {
  const words = "describe --always --dirty --abbrev=40 --exclude=*".split(" ");
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", REPOSITORY, ...words],
      // Otherwise git refreshes the index in the repository.
      env: { GIT_OPTIONAL_LOCKS: "0" },
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(GIT_TIMEOUT_MS),
    }).output();
    const said = new TextDecoder().decode(stdout).trim();
    return success && /^[0-9a-f]{40}(-dirty)?$/.test(said) ? said : null;
  } catch (error) {
    // git is not installed.
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
