/** What a broken state may take of whoever looks into it. */

import type { Taken } from "../../testing/meter.ts";
import type { Looked } from "../../testing/streams/fuzz_inspect.ts";

const MIB = 1024 ** 2;

/** Beyond what the program takes before. */
const MOST_MEMORY = 256 * MIB;
/**
 * Pages of a mapped file count as memory, although the host takes them back at
 * any time. More of it is not searched at once.
 */
const MOST_MAPPED = 256 * MIB;
/** CPU time: of states of some hundred kilobytes, and of all others. */
const LONGEST_MS = { small: 1000, large: 10_000 } as const;
/** Characters: a byte of a buffer has two, a number its line. */
const MOST_WRITTEN = 64 * MIB;
const MOST_WRITTEN_PER_BYTE = 4;

/** Why a run may not take what it took; undefined if it may. */
export function tooMuch(
  { kind, cpuMs, memory, written, read }: Looked & Taken,
): string | undefined {
  const isLarge = kind === "bomb" || kind === "file";
  const longestMs = isLarge ? LONGEST_MS.large : LONGEST_MS.small;
  const mostMemory = MOST_MEMORY + (kind === "file" ? MOST_MAPPED : 0);
  const mostWritten = MOST_WRITTEN + MOST_WRITTEN_PER_BYTE * read;
  const over = [
    cpuMs > longestMs ? `${cpuMs.toFixed(0)} ms of CPU time` : "",
    memory > mostMemory ? `${mebibytes(memory)} of memory` : "",
    written > mostWritten ? `${written} characters of output` : "",
  ].filter((text) => text !== "");
  return over.length === 0 ? undefined : `It takes ${over.join(", ")}`;
}

/** A number of bytes for people. */
export function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
