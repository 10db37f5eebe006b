/**
 * /proc/PID/cmdline: the words of a process, each followed by a NUL. They are in
 * memory of the process, which can change them.
 *
 * @module
 */

import { readBeginning, UnreadableError } from "../bounded_file.ts";

/**
 * The most bytes of words or variables that are read. The kernel accepts 2 MiB by
 * default, and QEMU is started with a few KiB; but a process can make it look like
 * gigabytes.
 */
export const MAXIMUM_WORDS = 1024 * 1024;
const MAXIMUM_WORD_COUNT = 16 * 1024;

/** What follows the last NUL is incomplete, and left out. */
export function parseCommandLine(bytes: Uint8Array): string[] {
  return new TextDecoder().decode(bytes).split("\0").slice(0, -1);
}

/**
 * Reads all words of a process.
 *
 * @throws {UnreadableError} when there are more than any VM has
 */
export async function readCommandLine(pid: number): Promise<string[]> {
  const { words, whole } = await beginCommandLine(pid);
  if (whole) return words;
  const why =
    `it has more than ${MAXIMUM_WORDS} bytes, or ${MAXIMUM_WORD_COUNT} words`;
  throw new UnreadableError(`/proc/${pid}/cmdline`, why);
}

/** The words up to a limit that no command line exceeds, and whether that is all. */
export async function beginCommandLine(
  pid: number,
): Promise<{ words: string[]; whole: boolean }> {
  const path = `/proc/${pid}/cmdline`;
  const { bytes, whole } = await readBeginning(path, MAXIMUM_WORDS);
  const words = parseCommandLine(bytes);
  return {
    words: words.slice(0, MAXIMUM_WORD_COUNT),
    whole: whole && words.length <= MAXIMUM_WORD_COUNT,
  };
}
