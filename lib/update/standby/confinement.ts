/**
 * What a process may do beyond or below its user's rights, and how another one
 * is given no more than that.
 *
 * ```
 * exec, of root       permitted = inheritable | bounding
 * exec, of others     permitted = ambient
 * no_new_privs        … and nothing that was not permitted before
 * ```
 *
 * @module
 */

import {
  CAP_SETPCAP,
  dropFromBoundingSet,
  forbidNewPrivileges,
  keepCapabilities,
  setAmbientSet,
  setCapabilities,
} from "../../../ffi/capabilities.ts";
import { type Confinement, readStatusSync } from "../../proc/status.ts";

/** A set's bits. */
export const setOf = (text: string): bigint => BigInt(`0x${text}`);

/** What a process loses and gains when its program is started anew. */
export interface Difference {
  readonly lost: bigint;
  readonly gained: bigint;
}

/**
 * How a process would differ if it were started again.
 *
 * @param own of the process that would start it
 */
export function afterRestart(
  it: Confinement,
  uid: number,
  own: Confinement,
): Difference {
  const permitted = setOf(it.permitted);
  const possible = setOf(own.bounding);
  const given = uid === 0
    ? setOf(it.inheritable) | setOf(it.bounding)
    : setOf(it.ambient);
  return {
    lost: permitted & ~(given & possible),
    gained: it.noNewPrivileges ? 0n : given & ~permitted,
  };
}

/**
 * Whether another process can take over the bounding set. Under no_new_privs
 * nothing can be gained by it.
 */
export function mayConfine(it: Confinement, own: Confinement): boolean {
  const isWider = (setOf(own.bounding) & ~setOf(it.bounding)) !== 0n;
  return !isWider || it.noNewPrivileges || mayDrop(own);
}

function mayDrop({ effective }: Confinement): boolean {
  return (setOf(effective) & (1n << BigInt(CAP_SETPCAP))) !== 0n;
}

/**
 * Confines this thread as another process is, for the program that it executes.
 *
 * @param becomeUser changes the user on the way, which takes capabilities
 * @throws {OsError} EPERM where {@link mayConfine} says no
 */
export function confine(it: Confinement, becomeUser: () => void): void {
  const before = ownConfinement();
  const surplus = setOf(before.bounding) & ~setOf(it.bounding);
  if (surplus !== 0n && (mayDrop(before) || !it.noNewPrivileges)) {
    dropFromBoundingSet(surplus);
  }
  if ((setOf(it.inheritable) | setOf(it.ambient)) !== 0n) keepCapabilities();
  becomeUser();
  const now = ownConfinement();
  const available = setOf(now.permitted);
  const inheritable = setOf(it.inheritable) & available;
  const permitted = (setOf(it.permitted) | inheritable) & available;
  const effective = setOf(now.effective) & permitted;
  // What is not available is lost, and told by the preflight.
  setCapabilities({ effective, permitted, inheritable });
  setAmbientSet(setOf(it.ambient) & inheritable);
  if (it.noNewPrivileges) forbidNewPrivileges();
}

/** Of this thread, the one that executes. */
export function ownConfinement(): Confinement {
  return readStatusSync("thread-self").confinement;
}
