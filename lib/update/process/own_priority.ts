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
import { readThreadIds } from "../../proc/processes.ts";

const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_DEADLINE = 6;
/** The least there is: whatever else on the host is of real time goes before. */
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

/** Raised for as long as one of these is there: a process may serve many VMs. */
let users = 0;
/** What each thread had that was raised. */
const before = new Map<number, Scheduling>();

/**
 * Raises every thread of this process above whatever is not of real time.
 * Threads that it starts meanwhile are found by {@link raiseNew}; its children are
 * not raised.
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
  }
}

/** Raises the threads that have been started since. */
export function raiseNew(): void {
  for (const tid of readThreadIds("self")) {
    // It may have ended; or there is no right to more of them.
    ifPossible(() => raise(tid));
  }
}

/** Ends every boost: only the thread that runs JavaScript stays raised. */
export function lowerOthers(): void {
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
  // Real time already: as the host's administrator has it.
  if (![SCHED_FIFO, SCHED_RR, SCHED_DEADLINE].includes(had.policy)) {
    setScheduling(tid, {
      ...had,
      policy: SCHED_RR,
      priority: tid === SCRIPT_THREAD ? SCRIPT_PRIORITY : PRIORITY,
      // What it starts or executes meanwhile does not keep it.
      resetOnFork: true,
    });
  }
  before.set(tid, had);
}

function putBack(tid: number, had: Scheduling): void {
  // To take that mark off takes a right that real time does not take.
  for (const resetOnFork of [had.resetOnFork, true]) {
    try {
      return setScheduling(tid, { ...had, resetOnFork });
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
}
