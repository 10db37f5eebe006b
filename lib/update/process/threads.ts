/**
 * The threads of a VM: exec ends all but one, and with them what the host's
 * administrator gave each. Every virtual CPU and iothread has a name that
 * outlives its thread; by that name the next thread is given the same place.
 *
 * @module
 */

import { readThreadIds } from "../../proc/processes.ts";
import { readStatusSync } from "../../proc/status.ts";
import { ifThereSync } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { type Executor, QmpError } from "../../qmp/mod.ts";
import { queryCpusFast, queryIoThreads } from "../../qmp/queries.ts";
import { UpdateProblem } from "../error.ts";
import {
  type Cgroups,
  joinCgroups,
  otherCgroups,
  readCgroupsSync,
} from "../../proc/cgroup.ts";
import {
  givePlacement,
  type Placement,
  readPlacement,
} from "../../proc/placement.ts";

/** What one thread of a VM has from the host. Plain data. */
export interface ThreadRecord {
  /** "main thread", "vCPU 0", 'iothread "io0"'. */
  readonly name: string;
  /** Several may be one thread: it is no more than that afterwards. */
  readonly tid?: number;
  readonly placement: Placement;
  /** Those of its groups that are not the main thread's. */
  readonly cgroups: Cgroups;
}

const MAIN_THREAD = "main thread";
const VCPU = "vCPU ";

/**
 * Asks which threads a VM has, and the kernel what each was given.
 *
 * @throws {QmpError} when the monitor does not tell
 * @throws {OsError} ESRCH when a thread has just ended
 */
export async function readThreads(
  client: Executor,
  pid: number,
): Promise<ThreadRecord[]> {
  const main = readCgroupsSync(pid);
  return [...await namedThreads(client, pid)].map(([name, tid]) => ({
    name,
    tid,
    placement: readPlacement(tid),
    cgroups: otherCgroups(readCgroupsSync(`${pid}/task/${tid}`), main),
  }));
}

/**
 * Gives the threads that a VM has now what those of the same names had. Within
 * the downtime: one round trip, and nothing set that is right already.
 *
 * @returns what could not be given back, for a person
 * @throws {UpdateProblem} when the VM has more vCPUs than it had
 */
export async function restoreThreads(
  client: Executor,
  pid: number,
  records: readonly ThreadRecord[],
): Promise<string[]> {
  let threads: ReadonlyMap<string, number>;
  try {
    threads = await namedThreads(client, pid);
  } catch (error) {
    // A VM that runs in the wrong place is better than one that does not.
    if (!(error instanceof QmpError)) throw error;
    return [`No thread got back its place: ${messageOf(error)}`];
  }
  refuseMoreCpus(records, threads);
  const successors = new Map<number, number>();
  return records.flatMap(({ name, tid: before, placement, cgroups }) => {
    const tid = threads.get(name);
    if (tid === undefined) return [`The VM has no ${name} any more`];
    // The names are the monitor's: what one thread had is not for several.
    const successor = before === undefined
      ? tid
      : successors.get(before) ?? tid;
    if (successor !== tid) {
      return [`The ${name} shared a thread, whose place another one has now`];
    }
    if (before !== undefined) successors.set(before, tid);
    // Groups first: a cpuset takes away what affinity it does not allow.
    const problems = [
      ...joinCgroups("thread", tid, cgroups),
      ...givePlacement(tid, placement),
    ];
    return problems.map((problem) =>
      `The ${name} did not get back its ${problem}`
    );
  });
}

/** The threads of the vCPUs. */
export function vcpuThreads(records: readonly ThreadRecord[]): number[] {
  return records.flatMap(({ name, tid }) =>
    tid !== undefined && name.startsWith(VCPU) ? [tid] : []
  );
}

/** A state of fewer vCPUs loads: the guest just does not know the others. */
function refuseMoreCpus(
  before: readonly ThreadRecord[],
  now: ReadonlyMap<string, number>,
): void {
  const known = new Set(before.map(({ name }) => name));
  for (const name of now.keys()) {
    if (!name.startsWith(VCPU) || known.has(name)) continue;
    throw new UpdateProblem(
      "more-cpus",
      `The program has ${name}, which the VM did not have`,
    );
  }
}

/**
 * The threads with a name. The monitor's word is not taken for an id: what is
 * not a thread of that process is left out.
 */
async function namedThreads(
  client: Executor,
  pid: number,
): Promise<Map<string, number>> {
  const [cpus, iothreads] = await Promise.all([
    queryCpusFast(client),
    queryIoThreads(client),
  ]);
  const hostId = hostIdsOf(pid);
  const named = new Map([[MAIN_THREAD, pid]]);
  const add = (name: string, own: number) => {
    const tid = hostId(own);
    if (tid !== undefined) named.set(name, tid);
  };
  for (const cpu of cpus) add(`${VCPU}${cpu["cpu-index"]}`, cpu["thread-id"]);
  for (const { id, "thread-id": tid } of iothreads) {
    add(`iothread "${id}"`, tid);
  }
  return named;
}

/**
 * Translates a thread's id as the process knows it: one in a pid namespace of
 * its own counts anew.
 */
function hostIdsOf(pid: number): (own: number) => number | undefined {
  if (readStatusSync(pid).ids.length < 2) {
    const own = new Set(readThreadIds(pid));
    return (tid) => own.has(tid) ? tid : undefined;
  }
  const ids = new Map<number, number>();
  for (const tid of readThreadIds(pid)) {
    const status = ifThereSync(() => readStatusSync(`${pid}/task/${tid}`));
    const own = status?.ids.at(-1);
    if (own !== undefined) ids.set(own, tid);
  }
  return (own) => ids.get(own);
}
