/**
 * Locks on files, as the kernel lists them in `/proc/locks` and, of one open
 * file, in `/proc/PID/fdinfo/N` (proc_pid_fdinfo(5)):
 *
 * ```
 * 3: OFDLCK ADVISORY  READ -1 fe:00:1573 201 201
 * ```
 *
 * @module
 */

import { forEachLine } from "../bounded_file.ts";

/** A lock on a range of bytes; both ends belong to it. */
export interface FileLock {
  /** "MAJOR:MINOR:INODE", the first two in hexadecimal, of two digits. */
  readonly file: string;
  readonly first: number;
  /** Infinity: to the end, wherever that is. */
  readonly last: number;
}

const LINE =
  /\d+: (?:OFDLCK|POSIX) +\S+ +(?:READ|WRITE) +\S+ ([\da-f]+:[\da-f]+:\d+) (\d+) (\d+|EOF)$/gm;

/** The locks in a text that has one a line; a lock that is waited for is none. */
export function parseLocks(text: string): FileLock[] {
  return [...text.matchAll(LINE)].map(([, file = "", first, last]) => ({
    file,
    first: Number(first),
    last: last === "EOF" ? Infinity : Number(last),
  }));
}

/** The table is the kernel's own, which no process can hold up. */
const TABLE_TIMEOUT_MS = 60_000;

/**
 * Goes through the locks of all files. The kernel lists them in pieces: where
 * others come and go meanwhile, one may be there twice.
 *
 * @throws {UnreadableError} when they do not come in time
 */
export async function forEachLock(
  look: (lock: FileLock) => void,
): Promise<void> {
  await forEachLine(
    "/proc/locks",
    (line) => parseLocks(line).forEach(look),
    TABLE_TIMEOUT_MS,
  );
}

/** A file as {@linkcode FileLock} names it. */
export function lockedAs({ dev, ino }: Deno.FileInfo): string {
  // As the C library splits a device number, up to its 32 lower bits.
  const split = [dev >>> 8 & 0xfff, dev & 0xff | dev >>> 12 & 0xfff00];
  const [major, minor] = split
    .map((it) => it.toString(16).padStart(2, "0"));
  return `${major}:${minor}:${ino}`;
}
