/**
 * The first thread of another process, stopped and traced: ptrace(2). For less
 * than a millisecond, unless that thread does not return from the kernel.
 *
 * @module
 */

import { call, ifPossible, osError } from "./libc.ts";

const PTRACE_DETACH = 17;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;

const P_PID = 1;
const WSTOPPED = 2;
const WEXITED = 4;
const WALL = 0x40000000;
const WNOHANG = 1;
/** `struct siginfo` of a child: its size, and the offsets that are read. */
const SIGINFO = { size: 128, pid: 16, status: 24 } as const;
/** A thread stops only when it returns from the kernel. */
const STOP_MS = 1_000;

/** Option: a stop at a system call has another reason than SIGTRAP. */
const PTRACE_O_TRACESYSGOOD = 1n;

/**
 * Does something while the first thread of a process is stopped.
 *
 * @throws {OsError} EPERM without CAP_SYS_PTRACE, or if the process is already
 * traced; ETIMEDOUT if the thread does not stop; ESRCH.
 */
export function whileStopped<Result>(
  pid: number,
  work: () => Result,
): Result {
  traceWith(PTRACE_SEIZE, pid, PTRACE_O_TRACESYSGOOD);
  try {
    trace(PTRACE_INTERRUPT, pid);
    waitForStop(pid);
    return work();
  } finally {
    // ESRCH if it has not stopped yet: the end of this process detaches it.
    ifPossible(() => trace(PTRACE_DETACH, pid), "ESRCH");
  }
}

/**
 * Waits until the thread stops.
 *
 * @returns why it stopped: a signal, and in the next byte an event
 * @throws {OsError} ETIMEDOUT
 */
export function waitForStop(pid: number): number {
  const info = new Uint8Array(SIGINFO.size);
  const view = new DataView(info.buffer);
  const deadline = performance.now() + STOP_MS;
  do {
    const flags = WSTOPPED | WEXITED | WNOHANG | WALL;
    call("waitid", [P_PID, pid, info, flags], `process ${pid}`);
    if (view.getInt32(SIGINFO.pid, true) === pid) {
      return view.getInt32(SIGINFO.status, true);
    }
  } while (performance.now() < deadline);
  throw osError("ETIMEDOUT", "ptrace", `process ${pid}`);
}

/** One request, with a number instead of memory. */
export function traceWith(request: number, pid: number, data: bigint): void {
  call("ptrace_with", [request, pid, 0n, data], `process ${pid}`);
}

/** One request about the stopped thread. */
export function trace(
  request: number,
  pid: number,
  address = 0,
  data: Uint8Array<ArrayBuffer> | null = null,
): number {
  const args = [request, pid, BigInt(address), data] as const;
  return call("ptrace", args, `process ${pid}`);
}
