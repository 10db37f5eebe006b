/**
 * The capabilities and no_new_privs of a process, and how to give another
 * process no more than these.
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

/** The option that accepts a rollback to a less confined VM. */
export const ALLOW_WEAKER = "--allow-weaker-confinement";

/** The bits of a set. */
export const setOf = (text: string): bigint => BigInt(`0x${text}`);

/** The capabilities that a process loses and gains by a restart. */
export interface Difference {
  readonly lost: bigint;
  readonly gained: bigint;
}

/**
 * How the capabilities of a process would change if it were restarted.
 *
 * @param own the confinement of the process that would start it
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
 * Whether a child of this process can be given the bounding set. Under
 * no_new_privs a wider one is harmless.
 */
export function mayConfine(it: Confinement, own: Confinement): boolean {
  const isWider = (setOf(own.bounding) & ~setOf(it.bounding)) !== 0n;
  return !isWider || it.noNewPrivileges || mayDrop(own);
}

function mayDrop({ effective }: Confinement): boolean {
  return (setOf(effective) & (1n << BigInt(CAP_SETPCAP))) !== 0n;
}

/**
 * Confines this thread like another process, for the program that it executes.
 *
 * @param becomeUser changes the user in between, which drops capabilities
 * @throws {OsError} EPERM if {@link mayConfine} is false
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
  // The preflight reports those that are not available.
  setCapabilities({ effective, permitted, inheritable });
  setAmbientSet(setOf(it.ambient) & inheritable);
  if (it.noNewPrivileges) forbidNewPrivileges();
}

/** The confinement of this thread, which executes the program. */
export function ownConfinement(): Confinement {
  return readStatusSync("thread-self").confinement;
}
