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

const PTRACE_DETACH = 17;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_SECCOMP_GET_FILTER = 0x420c;

const P_PID = 1;
const WSTOPPED = 2;
const WEXITED = 4;
const WALL = 0x40000000;
const SIGINFO_SIZE = 128;
const SIGINFO_PID = 16;
const WNOHANG = 1;
/** A thread stops only when it returns from the kernel. */
const STOP_MS = 1_000;

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
  trace(PTRACE_SEIZE, pid);
  try {
    trace(PTRACE_INTERRUPT, pid);
    waitForStop(pid);
    return filtersOf(pid);
  } finally {
    // ESRCH if it has not stopped yet: the end of this process detaches it.
    ifPossible(() => trace(PTRACE_DETACH, pid), "ESRCH");
  }
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

function waitForStop(pid: number): void {
  const info = new Uint8Array(SIGINFO_SIZE);
  const deadline = performance.now() + STOP_MS;
  do {
    const flags = WSTOPPED | WEXITED | WNOHANG | WALL;
    call("waitid", [P_PID, pid, info, flags], `process ${pid}`);
    if (new DataView(info.buffer).getInt32(SIGINFO_PID, true) === pid) return;
  } while (performance.now() < deadline);
  throw osError("ETIMEDOUT", "ptrace", `process ${pid}`);
}

function trace(
  request: number,
  pid: number,
  address = 0,
  data: Uint8Array<ArrayBuffer> | null = null,
): number {
  const args = [request, pid, BigInt(address), data] as const;
  return call("ptrace", args, `process ${pid}`);
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
