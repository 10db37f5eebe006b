/**
 * On which CPUs and how the host runs a thread. Plain data, for the journal.
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

/** What a thread must be given that replaces another one. */
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
 * Gives a thread the CPUs and the scheduling of the one it replaces, where they
 * differ.
 *
 * @param tid of a thread of any process; 0 is the calling thread
 * @returns what could not be set, and why
 */
export function givePlacement(tid: number, wanted: Placement): string[] {
  return [
    ...attempt("CPUs", () => {
      if (sameCpus(getAffinity(tid), wanted.affinity)) return;
      setAffinity(tid, wanted.affinity);
      // A cpuset silently removes the CPUs that it does not have.
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

/** @param give returns what is still missing, if anything */
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
