/** A file that others read while it is written anew. */

import { Fd } from "../../../ffi/fd.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/open_flags.ts";
import { ifThere } from "../../gone.ts";
import { CprctlError, messageOf } from "../../errors.ts";

/** Everyone may read, as a web server or a collector, but for the umask. */
const MODE = 0o644;
const NEW = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const PERMISSIONS = 0o777;

/** The file could not be written; what it would have told has happened. */
export class UnwrittenFileError extends CprctlError {
  override readonly name: string = "UnwrittenFileError";

  constructor(code: string, path: string, cause: unknown) {
    super(code, `Cannot write "${path}": ${messageOf(cause)}`, { cause });
  }
}

/**
 * Makes sure that a file can be replaced: nothing else is, and nothing is
 * written through a link, which may be another user's.
 *
 * @returns its permissions, if it is there and this user's
 * @throws {TypeError} for what is no regular file
 */
async function permissionsOf(path: string): Promise<number | undefined> {
  const found = await ifThere(Deno.lstat(path));
  if (found === undefined) return undefined;
  const { isFile, isSymlink, uid, mode } = found;
  if (isSymlink) throw new TypeError("It is a symbolic link");
  if (!isFile) throw new TypeError("Not a regular file");
  return uid === Deno.uid() ? (mode ?? 0) & PERMISSIONS : undefined;
}

/**
 * Writes a file anew. Whoever reads it meanwhile sees the old one or the new
 * one, whole. It keeps its permissions; a new one has those of the umask.
 *
 * @throws {TypeError} for what is no regular file
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const permissions = await permissionsOf(path);
  const draft = `${path}.${crypto.randomUUID()}.new`;
  try {
    using file = Fd.open(draft, NEW, MODE);
    if (permissions !== undefined) file.chmod(permissions);
    file.writeAll(new TextEncoder().encode(text));
    // What somebody has put there meanwhile goes, were it a link.
    await Deno.rename(draft, path);
  } catch (error) {
    await removeIfThere(draft);
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // Why the file could not be written says more than why its draft stays.
  }
}
