/**
 * Seccomp filters: reads those of another process, and applies them to this
 * thread. A filter is a classic BPF program, 8 bytes an instruction.
 *
 * ```
 * struct sock_fprog { u16 instructions; 6 bytes; u64 address }
 * ```
 *
 * @module
 */

import { call, ifPossible, osError } from "./libc.ts";
import { addressOf } from "./memory.ts";
import { trace, whileStopped } from "./traced_thread.ts";

const PTRACE_SECCOMP_GET_FILTER = 0x420c;

/** There is no filter of that number, or none at all. */
const LAST = ["ENOENT", "EINVAL"];

const INSTRUCTION_SIZE = 8;
const MAXIMUM_INSTRUCTIONS = 4096;
/** More than any real process has. */
const MAXIMUM_FILTERS = 64;

const PR_SET_SECCOMP = 22;
const MODE_FILTER = 2n;

/**
 * The filters of a process's first thread, the oldest first. That thread is
 * stopped for less than a millisecond.
 *
 * @throws {OsError} EPERM without CAP_SYS_ADMIN, or if the process is already
 * traced; EACCES if this process has filters itself; ETIMEDOUT if the thread
 * does not stop; ESRCH.
 */
export function readSeccompFilters(pid: number): Uint8Array<ArrayBuffer>[] {
  return whileStopped(pid, () => filtersOf(pid));
}

function filtersOf(pid: number): Uint8Array<ArrayBuffer>[] {
  const filters: Uint8Array<ArrayBuffer>[] = [];
  const room = new Uint8Array(MAXIMUM_INSTRUCTIONS * INSTRUCTION_SIZE);
  for (let index = 0; index < MAXIMUM_FILTERS; index++) {
    const get = () => trace(PTRACE_SECCOMP_GET_FILTER, pid, index, room);
    const instructions = ifPossible(get, ...LAST);
    if (instructions === undefined) return filters;
    filters.push(room.slice(0, instructions * INSTRUCTION_SIZE));
  }
  throw osError("E2BIG", "ptrace", `filters of process ${pid}`);
}

/**
 * Applies a filter to this thread, permanently, and to the program that it
 * executes. Needs no_new_privs or CAP_SYS_ADMIN.
 *
 * @throws {OsError} EACCES without either, EINVAL for an invalid filter.
 */
export function addSeccompFilter(filter: Uint8Array<ArrayBuffer>): void {
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, filter.length / INSTRUCTION_SIZE, true);
  program.setBigUint64(8, addressOf(filter), true);
  const bytes = new Uint8Array(program.buffer);
  const args = [MODE_FILTER, addressOf(bytes), 0n, 0n] as const;
  call("prctl", [PR_SET_SECCOMP, ...args], "seccomp filter");
}
