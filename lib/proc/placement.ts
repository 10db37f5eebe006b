/**
 * Where and how the host runs one thread. Plain data: the journal keeps it.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import {
  getAffinity,
  getScheduling,
  type Scheduling,
  setAffinity,
  setScheduling,
} from "../../ffi/scheduling.ts";

/** What a thread that takes another one's place must be given. */
export interface Placement {
  /** CPUs that it may run on, ascending. */
  readonly affinity: readonly number[];
  readonly scheduling: Scheduling;
}

/**
 * @param tid of a thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH
 */
export function readPlacement(tid: number): Placement {
  return { affinity: getAffinity(tid), scheduling: getScheduling(tid) };
}

/**
 * Gives a thread its place, as far as it has another one.
 *
 * @param tid of a thread of any process; 0 is the calling thread
 * @returns what could not be given to it, and why
 */
export function givePlacement(tid: number, wanted: Placement): string[] {
  return [
    ...attempt("CPUs", () => {
      if (sameCpus(getAffinity(tid), wanted.affinity)) return;
      setAffinity(tid, wanted.affinity);
      // A cpuset that has not all of them takes the others away silently.
      const given = getAffinity(tid);
      if (sameCpus(given, wanted.affinity)) return;
      return `only ${given.join(",")} of ${wanted.affinity.join(",")}`;
    }),
    ...attempt("scheduling", () => {
      if (sameScheduling(getScheduling(tid), wanted.scheduling)) return;
      setScheduling(tid, wanted.scheduling);
    }),
  ];
}

/** @param give tells what is missing all the same, if anything */
function attempt(what: string, give: () => string | undefined): string[] {
  try {
    const missing = give();
    return missing === undefined ? [] : [`${what}: ${missing}`];
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return [`${what}: ${error.description}`];
  }
}

function sameCpus(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((cpu, index) => cpu === b[index]);
}

function sameScheduling(a: Scheduling, b: Scheduling): boolean {
  return a.policy === b.policy && a.priority === b.priority &&
    a.nice === b.nice && a.resetOnFork === b.resetOnFork;
}
