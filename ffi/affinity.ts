/**
 * The CPUs that a thread may run on.
 *
 * @module
 */

import { errnoNumber } from "./errno.ts";
import { check, libc } from "./libc.ts";

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
  check(
    libc().sched_setaffinity(tid, BigInt(size), mask),
    "sched_setaffinity",
    `thread ${tid}`,
  );
}

/** Bit n of a little-endian mask is CPU n. */
function cpusOf(mask: Uint8Array): number[] {
  return [...mask].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7]
      .filter((bit) => (byte >> bit & 1) === 1)
      .map((bit) => index * 8 + bit)
  );
}
