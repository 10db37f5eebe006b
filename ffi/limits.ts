/**
 * Resource limits of this process and of others.
 *
 * @module
 */

import { call } from "./libc.ts";

/**
 * In the order of their numbers in `<sys/resource.h>`, the same on x86-64 and
 * aarch64; with the name in /proc/PID/limits, without "Max".
 */
const NAMES = {
  CPU: "cpu time",
  FSIZE: "file size",
  DATA: "data size",
  STACK: "stack size",
  CORE: "core file size",
  RSS: "resident set",
  NPROC: "processes",
  NOFILE: "open files",
  MEMLOCK: "locked memory",
  AS: "address space",
  LOCKS: "file locks",
  SIGPENDING: "pending signals",
  MSGQUEUE: "msgqueue size",
  NICE: "nice priority",
  RTPRIO: "realtime priority",
  RTTIME: "realtime timeout",
} as const;

/** Name of a resource: `RLIMIT_…` without the prefix. */
export type Resource = keyof typeof NAMES;

/** Every resource that has a limit. */
export const resources = Object.keys(NAMES) as readonly Resource[];

/** "unlimited" */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export interface Limit {
  /** The enforced limit. */
  readonly soft: bigint;
  /** The maximum of the soft limit. */
  readonly hard: bigint;
}

/**
 * The limit of a process, by default of this one.
 *
 * @throws {OsError} ESRCH, or EPERM for a process of another user.
 */
export function getLimit(resource: Resource, pid = 0): Limit {
  const old = new BigUint64Array(2);
  call("prlimit", [pid, resources.indexOf(resource), null, old], resource);
  const [soft = 0n, hard = 0n] = old;
  return { soft, hard };
}

/**
 * Sets the limit of a process, by default of this one.
 *
 * @throws {OsError} EPERM to raise the hard limit without the right to, EINVAL
 * when soft is above hard, ESRCH.
 */
export function setLimit(resource: Resource, limit: Limit, pid = 0): void {
  const wanted = BigUint64Array.of(limit.soft, limit.hard);
  call("prlimit", [pid, resources.indexOf(resource), wanted, null], resource);
}

/** Soft and hard limit as decimal strings: they have 64 bits. */
export type LimitTexts = Readonly<Partial<Record<Resource, [string, string]>>>;

const ROW = /^Max ([a-z ]*[a-z]) +(\d+|unlimited) +(\d+|unlimited) /;

/**
 * Reads /proc/PID/limits, which anybody may: to ask for the limits of a
 * process of another user (prlimit) takes more than root has in a container.
 */
export function parseLimits(text: string): LimitTexts {
  const limits: Partial<Record<Resource, [string, string]>> = {};
  for (const row of text.split("\n")) {
    const [, name, soft = "", hard = ""] = ROW.exec(row) ?? [];
    const resource = resources.find((it) => NAMES[it] === name);
    if (resource !== undefined) {
      limits[resource] = [decimal(soft), decimal(hard)];
    }
  }
  return limits;
}

function decimal(limit: string): string {
  return limit === "unlimited" ? `${RLIM_INFINITY}` : limit;
}
