/**
 * Files that only root could have put where they are.
 *
 * @module
 */

import { isHidden } from "../../proc/file.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
/** Set-user-ID and set-group-ID. */
const CHANGES_USER = 0o6000;
const ROOT = 0;

/**
 * Whether a program is root's alone: the file and every folder of its path
 * belong to root, and no other user can write them. In a sticky folder, such as
 * /tmp, root's entries are root's alone as well.
 *
 * @returns the path without links, which stays what it is; else undefined
 */
export async function rootsOwnProgram(
  program: string,
): Promise<string | undefined> {
  try {
    const path = await Deno.realPath(program);
    const { isFile, mode } = await Deno.lstat(path);
    if (!isFile || ((mode ?? CHANGES_USER) & CHANGES_USER) !== 0) return;
    for (const step of stepsOf(path)) {
      if (!isRootsOwn(await Deno.lstat(step))) return;
    }
    return path;
  } catch (error) {
    // It is about to be another, or may not be looked at.
    if (isHidden(error) || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
}

function isRootsOwn({ uid, mode, isDirectory, isSymlink }: Deno.FileInfo) {
  if (uid !== ROOT || mode === null || isSymlink) return false;
  if ((mode & WRITABLE_BY_OTHERS) === 0) return true;
  return isDirectory && (mode & STICKY) !== 0;
}

/** "/", "/usr", "/usr/bin", … */
function stepsOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.reduce(
    (steps, name) => [...steps, `${steps.at(-1)?.replace(/^\/$/, "")}/${name}`],
    ["/"],
  );
}
