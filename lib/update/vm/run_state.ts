/** Run states, as they are told to a person. */

import type { VmRecord } from "./facts.ts";

/** A guest that put its machine to sleep (S3): an event wakes it. */
export const SUSPENDED = "suspended";

/**
 * Whether the VM's clock goes on and events reach its guest, which may be
 * asleep. Such a VM is stopped to be moved, and has to be told to go on, which
 * leaves a guest asleep that was.
 */
export function isLive(
  { running, runState }: Pick<VmRecord, "running" | "runState">,
): boolean {
  return running || runState === SUSPENDED;
}

/**
 * Where a guest brings its VM by itself: it sleeps, its disk is full, it
 * panicked, powered off (-no-shutdown), its watchdog expired, or a debugger's
 * breakpoint stopped it.
 */
const REACHED_BY_GUEST: readonly (string | undefined)[] = [
  SUSPENDED,
  "io-error",
  "guest-panicked",
  "shutdown",
  "watchdog",
  "debug",
];

/** Whether the guest, rather than a client, brought its VM into a state. */
export function isReachedByGuest(state: string | undefined): boolean {
  return REACHED_BY_GUEST.includes(state);
}

const MOVABLE: readonly string[] = [
  "running",
  "paused",
  "prelaunch",
  SUSPENDED,
  "io-error",
  "guest-panicked",
  "shutdown",
  "watchdog",
];

/**
 * Whether QEMU can take a VM over in the state in which it was saved. In any
 * other it ends as it loads it, and the old program would as well.
 */
export function canBeMoved(state: string): boolean {
  return MOVABLE.includes(state);
}

/** Where QEMU leaves a VM that was paused when the exec failed. */
const AFTER_FAILED_EXEC = "postmigrate";

/**
 * How a VM that was not running stands now, after "the VM": it is as it was,
 * whatever QEMU calls it.
 */
export function standsStill(
  state: string | undefined,
  { runState }: Pick<VmRecord, "runState">,
): string {
  return state === AFTER_FAILED_EXEC && state !== runState
    ? `stands still, as it was, and QEMU calls it "${state}" instead of ` +
      `"${runState}" until it has run`
    : `is ${state}`;
}
