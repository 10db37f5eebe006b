/**
 * Identifies the file behind a path of /proc, by device and inode.
 *
 * @module
 */

import { ifError } from "../errors.ts";
import type { FileStatus } from "../../ffi/file_status.ts";
import { foreignStatus } from "../../ffi/foreign_file.ts";
import { answered } from "../bounded_file.ts";
import { ifThere } from "../gone.ts";

/**
 * In decimal, as text: on overlayfs or NFS an inode may need all 64 bits, and two
 * inodes must not be rounded to the same number.
 */
export interface FileIdentity {
  readonly dev: string;
  readonly ino: string;
}

/** The status of a file, and its identity. */
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

/** Compares two identities of the same form: text, or the system's own numbers. */
export function isSameIdentity<Id extends string | bigint>(
  a: { readonly dev: Id; readonly ino: Id },
  b: { readonly dev: Id; readonly ino: Id },
): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/**
 * The file at a path; undefined if there is none.
 *
 * @throws {UnreadableError} when its file system hangs
 */
export async function findFile(path: string): Promise<FoundFile | undefined> {
  const found = answered(path, Deno.stat(path));
  return await ifThere(
    found.then((info) => Object.assign(info, { identity: identityAt(path) })),
  ).catch(ifError(Deno.errors.NotADirectory, () => undefined));
}
