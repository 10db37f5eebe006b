/**
 * The seccomp filters of a process, to apply them to another one. They are read
 * from the kernel; -sandbox on a command line proves nothing.
 *
 * @module
 */

import { FILTERS_WORD } from "./words.ts";
import { addSeccompFilter, readSeccompFilters } from "../../../ffi/seccomp.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { readStatusSync } from "../../proc/status.ts";
import { runBriefly } from "../../brief_run.ts";

/** cprctl takes seconds to start on a busy host. */
const TIMEOUT_MS = 15_000;
/** 64 filters of 32 KiB, in base64. */
const MAXIMUM_TEXT = 4 * 1024 * 1024;

/** The seccomp filters of a process. Plain data. */
export interface Seccomp {
  /**
   * In base64, the oldest first; empty if this process has as many. Null if
   * they cannot be read.
   */
  readonly filters: readonly string[] | null;
}

/**
 * Reads the filters of a process.
 *
 * @param self the command that starts cprctl itself
 * @throws {OsError} when it cannot be started
 */
export async function readSeccomp(
  pid: number,
  self: readonly string[],
): Promise<Seccomp> {
  const { seccompFilters: count } = readStatusSync(pid);
  if (count <= readStatusSync("self").seccompFilters) return { filters: [] };
  const [program = "", ...args] = [...self, FILTERS_WORD, `${pid}`];
  const { text, failure } = await runBriefly(program, {
    ...{ args, output: "stdout", maximum: MAXIMUM_TEXT, timeoutMs: TIMEOUT_MS },
    // It is cprctl itself, so it keeps our environment.
    start: ({ argv, descriptors }) =>
      spawn(argv, { descriptors, newSession: true }),
  });
  if (failure !== undefined) return { filters: null };
  const filters = JSON.parse(text) as string[];
  return { filters: filters.length < count ? null : filters };
}

/**
 * Applies filters to this thread and the program that it executes. They may
 * forbid every system call except the exec: call this last.
 *
 * @throws {OsError} EACCES without no_new_privs
 */
export function enterSeccomp({ filters }: Seccomp): void {
  for (const filter of filters ?? []) {
    addSeccompFilter(Uint8Array.fromBase64(filter));
  }
}

/**
 * Prints the filters of a process as a JSON array of base64 texts, the oldest
 * first. This needs a process of its own: it has to trace the other one, and
 * would hang in the kernel if that one hangs in an exec. Then it is killed,
 * which also ends the tracing.
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
