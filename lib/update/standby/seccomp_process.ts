/**
 * This program once more, to look at the filters over a process. That takes to
 * trace it, and a process in an exec that never ends keeps its tracer in the
 * kernel for as long: then it is this process that waits, and is ended. With
 * this process ends the tracing, so that a thread that was late goes on.
 *
 * @module
 */

import { readSeccompFilters } from "../../../ffi/seccomp.ts";

/**
 * Prints the filters as a JSON array of base64 texts, the oldest first.
 *
 * @param words the process's pid
 * @returns the exit code
 * @throws {OsError} as {@linkcode readSeccompFilters} does
 */
export function tellFilters(words: readonly string[]): number {
  const filters = readSeccompFilters(Number(words[0]));
  console.log(JSON.stringify(filters.map((it) => it.toBase64())));
  return 0;
}
