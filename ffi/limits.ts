/**
 * Resource limits of this process and of others.
 *
 * @module
 */

import { check, libc } from "./libc.ts";

/** Numbers of `<sys/resource.h>`, the same on x86-64 and aarch64. */
const RESOURCES = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;

/** Name of a resource, as `RLIMIT_…` without the prefix. */
export type Resource = keyof typeof RESOURCES;

/** Every resource that has a limit. */
export const resources = Object.keys(RESOURCES) as readonly Resource[];

/** "unlimited" */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export interface Limit {
  /** What is enforced. */
  readonly soft: bigint;
  /** What the soft limit may be raised to. */
  readonly hard: bigint;
}

/**
 * The limit of a process, this one unless said otherwise.
 *
 * @throws {OsError} ESRCH, or EPERM for a process of someone else.
 */
export function getLimit(resource: Resource, pid = 0): Limit {
  const old = new BigUint64Array(2);
  check(
    libc().prlimit(pid, RESOURCES[resource], null, old),
    "prlimit",
    resource,
  );
  const [soft = 0n, hard = 0n] = old;
  return { soft, hard };
}

/**
 * Sets the limit of a process, this one unless said otherwise.
 *
 * @throws {OsError} EPERM when the hard limit would be raised without the right
 * to, EINVAL when soft is above hard, ESRCH.
 */
export function setLimit(resource: Resource, limit: Limit, pid = 0): void {
  const wanted = BigUint64Array.of(limit.soft, limit.hard);
  check(
    libc().prlimit(pid, RESOURCES[resource], wanted, null),
    "prlimit",
    resource,
  );
}
