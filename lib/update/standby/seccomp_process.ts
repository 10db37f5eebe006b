/**
 * The cprctl process that reads the seccomp filters of another one. It has to
 * trace that process, and would hang in the kernel if that one hangs in an
 * exec. Then this process is killed, which also ends the tracing.
 *
 * @module
 */

import { readSeccompFilters } from "../../../ffi/seccomp.ts";

/**
 * Prints the filters as a JSON array of base64 texts, the oldest first.
 *
 * @param args the pid of the process
 * @returns the exit code
 * @throws {OsError} as {@linkcode readSeccompFilters} does
 */
export function printFilters(args: readonly string[]): number {
  const filters = readSeccompFilters(Number(args[0]));
  console.log(JSON.stringify(filters.map((it) => it.toBase64())));
  return 0;
}
