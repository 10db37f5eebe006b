/**
 * Filters of system calls over a process, and how another one gets the same.
 * What a process says of itself, such as -sandbox in its command line, does not
 * count: the filters are read from the kernel.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { addSeccompFilter, readSeccompFilters } from "../../../ffi/seccomp.ts";
import { statusLine } from "../process/status_line.ts";

/** The filters over a process. Plain data: the journal keeps it. */
export interface Seccomp {
  /**
   * Those that are not over this process as well, in base64, the oldest first;
   * null where there are some that the kernel does not tell us.
   */
  readonly filters: readonly string[] | null;
}

/** Reads the filters over a process. */
export function readSeccomp(pid: number): Seccomp {
  const count = countOf(pid);
  if (count <= countOf("self")) return { filters: [] };
  try {
    const filters = readSeccompFilters(pid).map((it) => it.toBase64());
    return { filters: filters.length < count ? null : filters };
  } catch (error) {
    if (error instanceof OsError) return { filters: null };
    throw error;
  }
}

/** Kernels before 5.9 tell whether there are filters, not how many. */
function countOf(pid: number | "self"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  if (!/^Seccomp:/m.test(status)) return 0;
  if (statusLine(status, "Seccomp") !== "2") return 0;
  const count = /^Seccomp_filters:\s*(\d+)$/m.exec(status)?.[1];
  return count === undefined ? 1 : Number(count);
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
