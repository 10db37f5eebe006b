/**
 * How the kernel schedules a thread: policy, priority, niceness.
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

import { check, libc } from "./libc.ts";

const SIZE = 48;
const OFFSET = { policy: 4, flags: 8, nice: 16, priority: 20 } as const;
const FLAG_RESET_ON_FORK = 1n;
const NO_FLAGS = 0n;

/** System call numbers, by architecture. */
const NUMBERS = {
  x86_64: { setattr: 314n, getattr: 315n },
  aarch64: { setattr: 274n, getattr: 275n },
} as const;

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
  const result = libc().sched_getattr(
    NUMBERS[Deno.build.arch].getattr,
    BigInt(tid),
    bytes,
    BigInt(SIZE),
    NO_FLAGS,
  );
  check(result, "sched_getattr", `thread ${tid}`);
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
  const flags = wanted.resetOnFork ? FLAG_RESET_ON_FORK : NO_FLAGS;
  view.setBigUint64(OFFSET.flags, flags, true);
  view.setInt32(OFFSET.nice, wanted.nice, true);
  view.setUint32(OFFSET.priority, wanted.priority, true);
  const result = libc().sched_setattr(
    NUMBERS[Deno.build.arch].setattr,
    BigInt(tid),
    bytes,
    NO_FLAGS,
  );
  check(result, "sched_setattr", `thread ${tid}`);
}
