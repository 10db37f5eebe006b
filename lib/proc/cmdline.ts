/**
 * /proc/PID/cmdline: the words of a process, with a NUL after each. They lie in
 * its own memory: it may have written them itself.
 *
 * @module
 */

import { readBeginning, UnreadableError } from "../bounded_file.ts";

/**
 * Bytes of words or variables: the kernel takes 2 MiB at most where nothing was
 * set otherwise, QEMU is started with some KiB. A process can say that they are
 * gigabytes.
 */
export const MAXIMUM_WORDS = 1024 * 1024;
const MAXIMUM_WORD_COUNT = 16 * 1024;

/** What follows the last NUL is not whole, and left out. */
export function parseCommandLine(bytes: Uint8Array): string[] {
  return new TextDecoder().decode(bytes).split("\0").slice(0, -1);
}

/**
 * Reads all words of a process.
 *
 * @throws {UnreadableError} when they are more than those of any VM
 */
export async function readCommandLine(pid: number): Promise<string[]> {
  const { words, whole } = await beginCommandLine(pid);
  if (whole) return words;
  const why =
    `it has more than ${MAXIMUM_WORDS} bytes, or ${MAXIMUM_WORD_COUNT} words`;
  throw new UnreadableError(`/proc/${pid}/cmdline`, why);
}

/** As much of the words as no command line exceeds, and whether that is all. */
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
