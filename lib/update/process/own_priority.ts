/**
 * The priority of this process's own threads while a guest is stopped.
 *
 * @module
 */

import { ifPossible, OsError } from "../../../ffi/libc.ts";
import {
  getScheduling,
  type Scheduling,
  setScheduling,
} from "../../../ffi/scheduling.ts";
import { readThreadCount, readThreadIds } from "../../proc/processes.ts";

const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_DEADLINE = 6;
/**
 * The lowest real-time priority: other real-time threads of the host go first.
 */
const PRIORITY = 1;
/**
 * Of the thread that runs JavaScript. A thread that is boosted to the priority
 * of the others is not preempted by them: with one on every core, this thread
 * alone can still end the boost.
 */
const SCRIPT_PRIORITY = 2;
/** Not always the process's first thread. */
const SCRIPT_THREAD = Number(
  Deno.readLinkSync("/proc/thread-self").split("/").at(-1),
);

/** The number of objects that keep the threads raised: one for each VM. */
let users = 0;
/** How many threads there were when the last was raised. */
let count = 0;
/** The scheduling of each raised thread before that. */
const before = new Map<number, Scheduling>();

/**
 * Gives every thread of this process real-time priority. {@link raiseNew} finds
 * threads that are started later; child processes are not raised.
 */
export class OwnPriority implements Disposable {
  #disposed = false;

  private constructor() {}

  /** @returns undefined where the system does not allow it */
  static raise(): OwnPriority | undefined {
    try {
      raise(SCRIPT_THREAD);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      return undefined;
    }
    users++;
    raiseNew();
    return new OwnPriority();
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    users--;
    if (users > 0) return;
    for (const tid of readThreadIds("self")) {
      const had = before.get(tid);
      if (had !== undefined) putBack(tid, had);
    }
    before.clear();
    count = 0;
  }
}

/** Raises threads that were started since then. */
export function raiseNew(): void {
  const now = readThreadCount("self");
  if (now === count) return;
  count = now;
  for (const tid of readThreadIds("self")) {
    // It may have ended, or we may not raise any more.
    ifPossible(() => raise(tid));
  }
}

/** Ends every boost: only the thread that runs JavaScript stays raised. */
export function lowerOthers(): void {
  count = 0;
  for (const tid of readThreadIds("self")) {
    const had = before.get(tid);
    if (had === undefined || tid === SCRIPT_THREAD) continue;
    putBack(tid, had);
    before.delete(tid);
  }
}

/** @throws {OsError} EPERM, ESRCH */
function raise(tid: number): void {
  if (before.has(tid)) return;
  const had = getScheduling(tid);
  // Leaves a real-time thread as the administrator has set it.
  if (![SCHED_FIFO, SCHED_RR, SCHED_DEADLINE].includes(had.policy)) {
    setScheduling(tid, {
      ...had,
      policy: SCHED_RR,
      priority: tid === SCRIPT_THREAD ? SCRIPT_PRIORITY : PRIORITY,
      // Not inherited by what the thread starts.
      resetOnFork: true,
    });
  }
  before.set(tid, had);
}

function putBack(tid: number, had: Scheduling): void {
  // Clearing reset-on-fork needs CAP_SYS_NICE, which RLIMIT_RTPRIO does not
  // give.
  for (const resetOnFork of [had.resetOnFork, true]) {
    try {
      return setScheduling(tid, { ...had, resetOnFork });
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
}
