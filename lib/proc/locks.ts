/**
 * File locks, as the kernel lists them in `/proc/locks` and, for one open file, in
 * `/proc/PID/fdinfo/N` (proc_pid_fdinfo(5)):
 *
 * ```
 * 3: OFDLCK ADVISORY  READ -1 fe:00:1573 201 201
 * ```
 *
 * @module
 */

import { forEachLine } from "../bounded_file.ts";

/** A lock on a range of bytes, both ends included. */
export interface FileLock {
  /** "MAJOR:MINOR:INODE"; the first two in hexadecimal, at least two digits. */
  readonly file: string;
  readonly first: number;
  /** Infinity: to the end of the file, even if it grows. */
  readonly last: number;
}

const LINE =
  /\d+: (?:OFDLCK|POSIX) +\S+ +(?:READ|WRITE) +\S+ ([\da-f]+:[\da-f]+:\d+) (\d+) (\d+|EOF)$/gm;

/** The locks in a text with one per line; waiting requests are left out. */
export function parseLocks(text: string): FileLock[] {
  return [...text.matchAll(LINE)].map(([, file = "", first, last]) => ({
    file,
    first: Number(first),
    last: last === "EOF" ? Infinity : Number(last),
  }));
}

/** Generous: the table is in the kernel, and no process can delay it. */
const TABLE_TIMEOUT_MS = 60_000;

/**
 * Visits the locks of all files. The kernel lists them in pieces: if locks change
 * meanwhile, one may be visited twice.
 *
 * @throws {UnreadableError} at the timeout
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

/** The name of a file in {@linkcode FileLock}. */
export function lockedAs({ dev, ino }: Deno.FileInfo): string {
  // As the C library splits a device number, up to its 32 lower bits.
  const split = [dev >>> 8 & 0xfff, dev & 0xff | dev >>> 12 & 0xfff00];
  const [major, minor] = split.map((it) => it.toString(16).padStart(2, "0"));
  return `${major}:${minor}:${ino}`;
}
