/**
 * The CPU time of processes.
 *
 * `struct rusage` begins with user and system time, two `struct timeval` of two
 * 64-bit numbers each: seconds and microseconds.
 *
 * @module
 */

import { call } from "./libc.ts";

const RUSAGE_WORDS = 18;
const RUSAGE_SELF = 0;

/** Memory for a `struct rusage`. */
export function usageBuffer(): BigInt64Array<ArrayBuffer> {
  return new BigInt64Array(RUSAGE_WORDS);
}

/** User and system time together, in milliseconds. */
export function cpuTimeIn(usage: BigInt64Array): number {
  const [userS = 0n, userUs = 0n, systemS = 0n, systemUs = 0n] = usage;
  return Number(userS + systemS) * 1e3 + Number(userUs + systemUs) / 1e3;
}

/** The CPU time of all threads of this process, in milliseconds. */
export function ownCpuTime(): number {
  const usage = usageBuffer();
  call("getrusage", [RUSAGE_SELF, usage]);
  return cpuTimeIn(usage);
}
