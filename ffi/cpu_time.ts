/**
 * The CPU time of processes, and their memory.
 *
 * `struct rusage` begins with user and system time, two `struct timeval` of two
 * 64-bit numbers each: seconds and microseconds. Then comes the most memory that
 * was resident at once, in KiB.
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

/** The most memory that was resident at once, in bytes. */
export function peakMemoryIn(usage: BigInt64Array): number {
  const [, , , , kibibytes = 0n] = usage;
  return Number(kibibytes) * 1024;
}

/** What all threads of this process have used. */
export function ownUsage(): BigInt64Array {
  const usage = usageBuffer();
  call("getrusage", [RUSAGE_SELF, usage]);
  return usage;
}

/** The CPU time of all threads of this process, in milliseconds. */
export function ownCpuTime(): number {
  return cpuTimeIn(ownUsage());
}
