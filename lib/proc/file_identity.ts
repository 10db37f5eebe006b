/**
 * Which file it is that a path of /proc leads to, whatever its name.
 *
 * @module
 */

import type { FileStatus } from "../../ffi/file_status.ts";
import { foreignStatus } from "../../ffi/foreign_file.ts";
import { answered } from "../bounded_file.ts";
import { ifThere } from "../gone.ts";

/**
 * Decimal text: an inode may have 64 bits, as on an overlay or on NFS, and two
 * that differ must not be rounded to one.
 */
export interface FileIdentity {
  readonly dev: string;
  readonly ino: string;
}

/** What is known of a file, and which one it is. */
export type FoundFile = Deno.FileInfo & { readonly identity: FileIdentity };

/** @throws {OsError} */
export function identityAt(path: string): FileIdentity {
  return identityOf(foreignStatus(path, { followLink: true }));
}

/** Of an open file. */
export function identityOf(
  { dev, ino }: Pick<FileStatus, "dev" | "ino">,
): FileIdentity {
  return { dev: `${dev}`, ino: `${ino}` };
}

/** Of two that are told alike, as {@linkcode FileIdentity} or by the system. */
export function isSameIdentity<Id extends string | bigint>(
  a: { readonly dev: Id; readonly ino: Id },
  b: { readonly dev: Id; readonly ino: Id },
): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/**
 * Looks at the file that is at a path; undefined where none is.
 *
 * @throws {UnreadableError} when its file system hangs
 */
export async function findFile(path: string): Promise<FoundFile | undefined> {
  try {
    const found = answered(path, Deno.stat(path));
    return await ifThere(
      found.then((info) => Object.assign(info, { identity: identityAt(path) })),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
