/**
 * The I/O scheduling class and priority of a thread, in the kernel's form:
 *
 * ```
 * class << 13 | priority      class 0 none, 1 real-time, 2 best effort, 3 idle
 * ```
 *
 * @module
 */

import { check, libc } from "./libc.ts";

/** System call numbers, by architecture. */
const NUMBERS = {
  x86_64: { set: 251n, get: 252n },
  aarch64: { set: 30n, get: 31n },
} as const;

const IOPRIO_WHO_PROCESS = 1n;

/**
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH
 */
export function getIoPriority(tid: number): number {
  const { get } = NUMBERS[Deno.build.arch];
  const result = libc().ioprio_get(get, IOPRIO_WHO_PROCESS, BigInt(tid));
  return check(result, "ioprio_get", `thread ${tid}`);
}

/**
 * @param tid of any thread of any process; 0 is the calling thread
 * @throws {OsError} ESRCH, EPERM for the real-time class
 */
export function setIoPriority(tid: number, priority: number): void {
  const { set } = NUMBERS[Deno.build.arch];
  check(
    libc().ioprio_set(set, IOPRIO_WHO_PROCESS, BigInt(tid), BigInt(priority)),
    "ioprio_set",
    `thread ${tid}`,
  );
}
