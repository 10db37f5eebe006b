/**
 * The threads of a VM. An exec ends all but one, and so loses the scheduling,
 * affinity and control groups that the administrator gave to each. Every vCPU
 * and iothread has a name that outlives its thread: the next thread with that
 * name is given the same settings.
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

/** The host's settings for one thread of a VM. Plain data. */
export interface ThreadRecord {
  /** "main thread", "vCPU 0", 'iothread "io0"'. */
  readonly name: string;
  /** Several names may stand for one thread, before and after. */
  readonly tid?: number;
  readonly placement: Placement;
  /** The groups that differ from the main thread's. */
  readonly cgroups: Cgroups;
}

const MAIN_THREAD = "main thread";
const VCPU = "vCPU ";

/**
 * Asks the VM for its threads, and the kernel for the settings of each.
 *
 * @throws {QmpError} when the monitor does not answer
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
 * Gives a VM's present threads the settings of those that had the same names.
 * Runs within the downtime: one round trip, and only what differs is set.
 *
 * @returns a warning for each setting that could not be restored
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
    // A VM with other settings is better than one that does not run.
    if (!(error instanceof QmpError)) throw error;
    return [
      `The settings of threads could not be restored: ${messageOf(error)}`,
    ];
  }
  refuseMoreCpus(records, threads);
  const successors = new Map<number, number>();
  return records.flatMap(({ name, tid: before, placement, cgroups }) => {
    const tid = threads.get(name);
    if (tid === undefined) return [`The VM no longer has its ${name}`];
    // The monitor chooses the names: one thread's settings must not go to
    // several.
    const successor = before === undefined
      ? tid
      : successors.get(before) ?? tid;
    if (successor !== tid) {
      return [
        `The ${name} shared a thread, and now has its own: its settings are not restored`,
      ];
    }
    if (before !== undefined) successors.set(before, tid);
    // Groups first: a cpuset removes CPUs that it does not allow.
    const problems = [
      ...joinCgroups("thread", tid, cgroups),
      ...givePlacement(tid, placement),
    ];
    return problems.map((problem) => `The ${name} lost its ${problem}`);
  });
}

/** The threads of the vCPUs. */
export function vcpuThreads(records: readonly ThreadRecord[]): number[] {
  return records.flatMap(({ name, tid }) =>
    tid !== undefined && name.startsWith(VCPU) ? [tid] : []
  );
}

/**
 * A state with fewer vCPUs loads: the guest would not know about the others.
 */
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
 * The threads that have a name. IDs from the monitor are not trusted: those
 * that are not threads of the process are left out.
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
 * Translates a thread's id as the process knows it: a process in its own pid
 * namespace has other numbers.
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
