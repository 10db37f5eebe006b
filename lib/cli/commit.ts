/** The commit that this program is made of. */

import { BUILT_FROM } from "./build.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** A git on a network file system that hangs must not hang us. */
const GIT_TIMEOUT_MS = 5_000;

/**
 * The commit as 40 hexadecimal digits, with "-dirty" after them where files
 * differed from it; null where nothing tells.
 */
export async function commit(): Promise<string | null> {
  return BUILT_FROM === undefined ? await checkedOut() : BUILT_FROM || null;
}

/** The commit of the source that runs, asked of git. */
async function checkedOut(): Promise<string | null> {
  const words = "describe --always --dirty --abbrev=40 --exclude=*".split(" ");
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", REPOSITORY, ...words],
      // Otherwise git writes into the repository what it found out.
      env: { GIT_OPTIONAL_LOCKS: "0" },
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(GIT_TIMEOUT_MS),
    }).output();
    const said = new TextDecoder().decode(stdout).trim();
    return success && /^[0-9a-f]{40}(-dirty)?$/.test(said) ? said : null;
  } catch (error) {
    // A host without git cannot tell.
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
