/**
 * Filters of system calls over a process, and how another one gets the same.
 * What a process says of itself, such as -sandbox in its command line, does not
 * count: the filters are read from the kernel.
 *
 * @module
 */

import { addSeccompFilter } from "../../../ffi/seccomp.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { readStatusSync } from "../../proc/status.ts";
import { runBriefly } from "../../brief_run.ts";
import { FILTERS_WORD } from "./seccomp_order.ts";

/** This program takes seconds to start on a busy host. */
const TIMEOUT_MS = 15_000;
/** 64 filters of 32 KiB, in base64. */
const MAXIMUM_TEXT = 4 * 1024 * 1024;

/** The filters over a process. Plain data: the journal keeps it. */
export interface Seccomp {
  /**
   * Those that are not over this process as well, in base64, the oldest first;
   * null where there are some that the kernel does not tell us.
   */
  readonly filters: readonly string[] | null;
}

/**
 * Reads the filters over a process.
 *
 * @param self the words that start this program
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
    // It is this program, with the environment that it is used to.
    start: ({ argv, descriptors }) =>
      spawn(argv, { descriptors, newSession: true }),
  });
  if (failure !== undefined) return { filters: null };
  const filters = JSON.parse(text) as string[];
  return { filters: filters.length < count ? null : filters };
}

/**
 * Puts filters over this thread and what it executes. They may forbid whatever
 * comes after them but an exec.
 *
 * @throws {OsError} EACCES without no_new_privs
 */
export function enterSeccomp({ filters }: Seccomp): void {
  for (const filter of filters ?? []) {
    addSeccompFilter(Uint8Array.fromBase64(filter));
  }
}
