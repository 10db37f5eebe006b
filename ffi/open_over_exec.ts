/**
 * Has another process keep descriptors open over its next exec. Only a process
 * itself can clear the flag close-on-exec, so its main thread is made to: once,
 * in the place of the ppoll(2) in which it waits.
 *
 * ```
 * ppoll entered   number and arguments replaced    fcntl(fd, F_SETFD, 0)
 * fcntl returned  registers as they were, instruction pointer at the syscall
 * detached        ppoll again, with the arguments it had
 * ```
 *
 * If this process is killed in between, the thread sees a ppoll that found
 * nothing, and waits again. The thread does no more than the process could do.
 *
 * @module
 */

import { OsError, osError } from "./libc.ts";
import {
  trace,
  traceWith,
  waitForStop,
  whileStopped,
} from "./traced_thread.ts";

const PTRACE_GETREGS = 12;
const PTRACE_SETREGS = 13;
const PTRACE_SYSCALL = 24;
const PTRACE_GET_SYSCALL_INFO = 0x420e;

/** `struct ptrace_syscall_info`: its size, offsets, and what `op` says. */
const INFO = { size: 88, op: 0, number: 24, entered: 1 } as const;

/** `struct user_regs_struct` of x86-64: its size, and the offsets in use. */
const REGISTERS = {
  size: 27 * 8,
  rax: 10 * 8,
  rdx: 12 * 8,
  rsi: 13 * 8,
  rdi: 14 * 8,
  originalRax: 15 * 8,
  rip: 16 * 8,
} as const;
/** The length of the instruction that calls the kernel. */
const SYSCALL_BYTES = 2n;
/** In `originalRax`: the kernel is not to repeat a call that a signal ended. */
const NO_CALL = -1n;

const PPOLL = 271n;
const FCNTL = 72n;
const F_SETFD = 2n;

/** An idle main loop gets there at once. */
const POLL_MS = 2_000;
/** A greater reason for a stop is no signal, and this one is of the tracing. */
const LAST_SIGNAL = 64;
const SIGTRAP = 5;

/** Whether this machine's registers are known. */
export const canKeepOpen = Deno.build.arch === "x86_64";

/**
 * Clears close-on-exec of descriptors of another process.
 *
 * @throws {OsError} of its fcntl; ENOSYS on another architecture; ETIMEDOUT if
 * its main thread does not come to wait in ppoll; and those of
 * {@linkcode whileStopped}
 */
export function keepOpenOverExec(
  pid: number,
  descriptors: readonly number[],
): void {
  if (!canKeepOpen) throw osError("ENOSYS", "ptrace", `process ${pid}`);
  whileStopped(pid, () => {
    for (const number of descriptors) {
      runToPoll(pid);
      clearFlag(pid, number);
    }
  });
}

/** Lets the thread run until it enters ppoll. */
function runToPoll(pid: number): void {
  const deadline = performance.now() + POLL_MS;
  let signal = 0;
  while (performance.now() < deadline) {
    const reason = runOn(pid, signal);
    const info = new Uint8Array(INFO.size);
    trace(PTRACE_GET_SYSCALL_INFO, pid, INFO.size, info);
    const op = info[INFO.op];
    const number = new DataView(info.buffer).getBigUint64(INFO.number, true);
    if (op === INFO.entered && number === PPOLL) return;
    // A signal that it was about to get is not lost.
    signal = reason > LAST_SIGNAL || reason === SIGTRAP ? 0 : reason;
  }
  throw osError("ETIMEDOUT", "ptrace", `process ${pid}`);
}

/** Lets the thread run until it enters or leaves the kernel, or gets a signal. */
function runOn(pid: number, signal = 0): number {
  traceWith(PTRACE_SYSCALL, pid, BigInt(signal));
  return waitForStop(pid);
}

/** In the place of the ppoll that the thread has just entered. */
function clearFlag(pid: number, descriptor: number): void {
  const before = new Uint8Array(REGISTERS.size);
  trace(PTRACE_GETREGS, pid, 0, before);
  const waiting = new DataView(before.buffer);
  const instead = before.slice();
  const asked = new DataView(instead.buffer);
  asked.setBigInt64(REGISTERS.originalRax, FCNTL, true);
  asked.setBigInt64(REGISTERS.rdi, BigInt(descriptor), true);
  asked.setBigInt64(REGISTERS.rsi, F_SETFD, true);
  asked.setBigInt64(REGISTERS.rdx, 0n, true);
  const next = waiting.getBigUint64(REGISTERS.rip, true);
  waiting.setBigUint64(REGISTERS.rip, next - SYSCALL_BYTES, true);
  waiting.setBigUint64(REGISTERS.rax, PPOLL, true);
  waiting.setBigInt64(REGISTERS.originalRax, NO_CALL, true);
  trace(PTRACE_SETREGS, pid, 0, instead);
  let result: bigint;
  try {
    runOn(pid);
    trace(PTRACE_GETREGS, pid, 0, instead);
    result = asked.getBigInt64(REGISTERS.rax, true);
  } finally {
    trace(PTRACE_SETREGS, pid, 0, before);
  }
  if (result >= 0n) return;
  throw new OsError(-Number(result), "fcntl", `${descriptor} of ${pid}`);
}
