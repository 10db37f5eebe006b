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

/** Whether a VM can be moved that is in this state. */
export function canBeMoved(state: string): boolean {
  return MOVABLE.includes(state);
}

/** What to do about one that cannot. */
export function remedyFor(state: string): string {
  switch (state) {
    // QEMU begins no migration after another before the guest has run.
    case AFTER_MIGRATION:
      return "Unless it runs elsewhere now, let it run (cont), then pause it";
    case "debug":
      return "Have the debugger continue the guest, or let it run (cont)";
    default:
      return "Wait until it is running or paused";
  }
}

/** QEMU goes from "inmigrate" to these too, and aborts at any other. */
const LOADABLE: readonly string[] = [
  ...MOVABLE,
  "internal-error",
  "finish-migrate",
  "postmigrate",
  "colo",
];

/** Whether a program loads a VM that was saved in this state. */
export function canBeLoaded(state: string): boolean {
  return LOADABLE.includes(state);
}

/**
 * Where a migration leaves a VM: also one that was paused when the exec failed.
 */
const AFTER_MIGRATION = "postmigrate";

/**
 * How a VM that was not running stands now, after "the VM": it is as it was,
 * whatever QEMU calls it.
 */
export function standsStill(
  state: string | undefined,
  { runState }: Pick<VmRecord, "runState">,
): string {
  return state === AFTER_MIGRATION && state !== runState
    ? `stands still, as it was, and QEMU calls it "${state}" instead of ` +
      `"${runState}" until it has run`
    : `is ${state}`;
}
