/** Replaces a file atomically. */

import { Fd } from "../../../ffi/fd.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/open_flags.ts";
import { ifThere } from "../../gone.ts";
import { CprctlError, messageOf } from "../../errors.ts";

/** Readable for others, such as a web server, subject to the umask. */
const PUBLIC = 0o644;
/** The state of a VM is private. */
export const PRIVATE = 0o600;
const NEW = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const PERMISSIONS = 0o777;

/** The file could not be written; the action itself is done. */
export class UnwrittenFileError extends CprctlError {
  override readonly name: string = "UnwrittenFileError";

  constructor(code: string, path: string, cause: unknown) {
    super(code, `Cannot write "${path}": ${messageOf(cause)}`, { cause });
  }
}

/**
 * Makes sure that only a regular file is replaced, and nothing is written
 * through a link, which may belong to another user.
 *
 * @returns its permissions, if it exists and belongs to this user
 * @throws {TypeError} for anything but a regular file
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
 * Replaces a file atomically. It keeps its permissions; a new one gets those of
 * the umask.
 *
 * @param mode of a new file
 * @throws {TypeError} for anything but a regular file
 */
export async function replaceFile(
  path: string,
  text: string,
  mode = PUBLIC,
): Promise<void> {
  const permissions = await permissionsOf(path);
  const draft = `${path}.${crypto.randomUUID()}.new`;
  try {
    using file = Fd.open(draft, NEW, mode);
    if (permissions !== undefined) file.chmod(permissions);
    file.writeAll(new TextEncoder().encode(text));
    // Replaces whatever is there now, even a link.
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
    // The first error is reported.
  }
}
