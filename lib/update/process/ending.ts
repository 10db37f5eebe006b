/** How a process is stopped or killed, and how it ended. */

import type { ProcessHandle } from "../../../ffi/process.ts";
import { threadIdsOf } from "../../proc/processes.ts";
import { ifThereSync } from "../../gone.ts";
import { isStopped, readStat, readStatSync } from "../../proc/stat.ts";
import { KILL_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { signalName } from "../../../ffi/signals.ts";
import { ifVisible } from "../../proc/file.ts";
import { sleep } from "../../sleep.ts";

/** A process stops or ends only once it leaves the kernel. */
const TIMEOUT_MS = 10_000;
const POLL_MS = 1;
/** Interval at which a process is checked for having been stopped. */
const LOOK_MS = 3;
/** Most processes have stopped by then: until then it is polled often. */
const SOON_MS = 2;
const SHORT_POLL_MS = 0.05;
/** Never changes: waiting for it is a short sleep. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/**
 * Stops a process, which may be about to end.
 *
 * @returns false when it has ended
 * @throws {UpdateProblem} when it neither stops nor ends in time
 */
export async function stopProcess(process: ProcessHandle): Promise<boolean> {
  ifThereSync(() => process.sendSignal("SIGSTOP"));
  const start = performance.now();
  const stopped = new Set<number>();
  for (;;) {
    if (process.hasExited()) return false;
    if (areStopped(process, stopped)) return true;
    const waited = performance.now() - start;
    if (waited > TIMEOUT_MS) break;
    // The guest may be waiting, and a timer takes at least a millisecond.
    if (waited < SOON_MS) Atomics.wait(NEVER, 0, 0, SHORT_POLL_MS);
    else await sleep(POLL_MS);
  }
  throw new UpdateProblem(
    "not-stopped",
    `Process ${process.pid} does not stop on SIGSTOP`,
  );
}

/**
 * Awaits a result of a process, and fails once that is found stopped by SIGSTOP.
 * A debugger does not count: it may stop the process for each system call.
 *
 * @throws {UpdateProblem} when it is stopped
 */
export async function unlessStopped<T>(
  process: ProcessHandle,
  promise: Promise<T>,
): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    const { state } = ifThereSync(() => readStatSync(process.pid)) ?? {};
    if (state !== "T") return;
    stopped.reject(
      new UpdateProblem("stopped", `Process ${process.pid} is stopped`, {
        remedy:
          "Find out what stops it (SIGSTOP), then run the same command again",
      }),
    );
  }, LOOK_MS);
  try {
    return await Promise.race([promise, stopped.promise]);
  } finally {
    clearInterval(timer);
  }
}

/**
 * Whether every thread of a process is stopped.
 *
 * @param known those that are; more are added
 */
function areStopped(process: ProcessHandle, known: Set<number>): boolean {
  try {
    for (const tid of threadIdsOf(process)) {
      if (known.has(tid)) continue;
      if (!isStopped(readStatSync(process.pid, tid))) return false;
      known.add(tid);
    }
    return !process.hasExited();
  } catch {
    return false; // a thread ended meanwhile: look again
  }
}

/**
 * Kills a VM's process and waits for its end. SIGKILL, never `quit`: that would
 * mark persistent bitmaps inconsistent.
 *
 * @returns false if it does not end
 */
export async function killProcess(process: ProcessHandle): Promise<boolean> {
  if (!process.hasExited()) process.sendSignal("SIGKILL");
  return await process.exited(KILL_TIMEOUT_MS);
}

/**
 * Such as "process 12 ended: killed by SIGSEGV"; without the reason if the
 * system does not report it.
 */
export async function howItEnded(process: ProcessHandle): Promise<string> {
  const what = `process ${process.pid} ended`;
  // Its parent may be reaping it right now.
  const status = await statusOfZombie(process.pid) ?? process.exitStatus();
  if (status === undefined) return what;
  const signal = status & 0x7f;
  return signal === 0
    ? `${what}: exit status ${status >> 8 & 0xff}`
    : `${what}: killed by ${signalName(signal)}`;
}

/** The exit status of a process that its parent has not reaped yet. */
async function statusOfZombie(pid: number): Promise<number | undefined> {
  const stat = await ifVisible(readStat(pid));
  return stat?.state === "Z" ? stat.exitStatus : undefined;
}
