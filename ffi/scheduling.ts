/**
 * How the kernel schedules a thread: policy, priority, niceness; on which CPUs,
 * and its I/O.
 *
 * ```
 * struct sched_attr, little-endian (48 bytes, the size of its first version)
 *   0 u32 size      4 u32 policy    8 u64 flags
 *  16 i32 nice     20 u32 priority
 *  24 u64 runtime  32 u64 deadline  40 u64 period
 * ```
 *
 * The last three are for SCHED_DEADLINE, and are neither read nor set.
 *
 * @module
 */

import { errnoNumber } from "./errno.ts";
import { call, check, libc } from "./libc.ts";

const SIZE = 48;
const OFFSET = { policy: 4, flags: 8, nice: 16, priority: 20 } as const;
const FLAG_RESET_ON_FORK = 1n;

/** How a thread is scheduled. */
export interface Scheduling {
  /** A `SCHED_…` number: 0 is the default, 1 FIFO, 2 round robin. */
  readonly policy: number;
  /** 1 to 99 for the two real-time policies, else 0. */
  readonly priority: number;
  /** -20 to 19. */
  readonly nice: number;
  /** Whether threads that it starts have the default scheduling. */
  readonly resetOnFork: boolean;
}

/**
 * How a thread is scheduled.
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH
 */
export function getScheduling(tid: number): Scheduling {
  const bytes = new Uint8Array(SIZE);
  call("sched_getattr", [tid, bytes, SIZE, 0], `thread ${tid}`);
  const view = new DataView(bytes.buffer);
  return {
    policy: view.getUint32(OFFSET.policy, true),
    priority: view.getUint32(OFFSET.priority, true),
    nice: view.getInt32(OFFSET.nice, true),
    resetOnFork:
      (view.getBigUint64(OFFSET.flags, true) & FLAG_RESET_ON_FORK) !== 0n,
  };
}

/**
 * Sets how a thread is scheduled.
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH, EPERM, EINVAL for a policy that needs other
 * attributes, such as SCHED_DEADLINE
 */
export function setScheduling(tid: number, wanted: Scheduling): void {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SIZE, true);
  view.setUint32(OFFSET.policy, wanted.policy, true);
  const flags = wanted.resetOnFork ? FLAG_RESET_ON_FORK : 0n;
  view.setBigUint64(OFFSET.flags, flags, true);
  view.setInt32(OFFSET.nice, wanted.nice, true);
  view.setUint32(OFFSET.priority, wanted.priority, true);
  call("sched_setattr", [tid, bytes, 0], `thread ${tid}`);
}

/** For 1024 CPUs, the size of `cpu_set_t`. */
const USUAL_MASK_BYTES = 128;
/** For half a million CPUs. */
const MAX_MASK_BYTES = 64 * 1024;

/**
 * The CPUs that a thread may run on, ascending.
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH.
 */
export function getAffinity(tid: number): number[] {
  for (let size = USUAL_MASK_BYTES;; size *= 2) {
    const mask = new Uint8Array(size);
    const result = libc().sched_getaffinity(tid, BigInt(size), mask);
    // The mask is too short for this machine.
    if (result === -errnoNumber("EINVAL") && size < MAX_MASK_BYTES) continue;
    check(result, "sched_getaffinity", `thread ${tid}`);
    return cpusOf(mask);
  }
}

/**
 * Sets the CPUs that a thread may run on.
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH, EPERM, EINVAL when none of the CPUs exists and is
 * allowed.
 */
export function setAffinity(tid: number, cpus: readonly number[]): void {
  const highest = Math.max(0, ...cpus);
  const size = Math.max(USUAL_MASK_BYTES, ((highest >> 6) + 1) * 8);
  const mask = new Uint8Array(size);
  for (const cpu of cpus) {
    mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  }
  call("sched_setaffinity", [tid, BigInt(size), mask], `thread ${tid}`);
}

/** Bit n of a little-endian mask is CPU n. */
function cpusOf(mask: Uint8Array): number[] {
  return [...mask].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7]
      .filter((bit) => (byte >> bit & 1) === 1)
      .map((bit) => index * 8 + bit)
  );
}

/** `<linux/ioprio.h>` */
const IOPRIO_WHO_PROCESS = 1;

/**
 * The I/O scheduling class and priority of a thread, in the kernel's form:
 *
 * ```
 * class << 13 | priority      class 0 none, 1 real-time, 2 best effort, 3 idle
 * ```
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH
 */
export function getIoPriority(tid: number): number {
  return call("ioprio_get", [IOPRIO_WHO_PROCESS, tid], `thread ${tid}`);
}

/**
 * Sets what {@link getIoPriority} gets.
 *
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH, EPERM for the real-time class
 */
export function setIoPriority(tid: number, priority: number): void {
  call("ioprio_set", [IOPRIO_WHO_PROCESS, tid, priority], `thread ${tid}`);
}
