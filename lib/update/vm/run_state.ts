/** QEMU's run states. */

import { RefusedError } from "../error.ts";
import type { VmRecord } from "./facts.ts";

/** The guest is suspended (S3); an event wakes it up. */
export const SUSPENDED = "suspended";

/**
 * Whether the VM's clock runs, as it does also for a suspended guest. Such a VM
 * is stopped to be moved, and needs `cont` afterwards; a suspended guest stays
 * suspended.
 */
export function isLive(
  { running, runState }: Pick<VmRecord, "running" | "runState">,
): boolean {
  return running || runState === SUSPENDED;
}

/**
 * The run states that a guest causes: it suspends, its disk is full, it panics,
 * powers off (-no-shutdown), its watchdog expires, or it reaches a breakpoint.
 */
const REACHED_BY_GUEST: readonly (string | undefined)[] = [
  SUSPENDED,
  "io-error",
  "guest-panicked",
  "shutdown",
  "watchdog",
  "debug",
];

/** Whether the guest, rather than a client, causes this run state. */
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

/** Whether a VM in this run state can be moved. */
export function canBeMoved(state: string): boolean {
  return MOVABLE.includes(state);
}

/** What to do about a VM that cannot be moved. */
export function remedyFor(state: string): string {
  switch (state) {
    // After a migration QEMU starts no other one until the guest has run.
    case AFTER_MIGRATION:
      return "If no other QEMU runs this VM now, resume it (cont), then pause it";
    case "debug":
      return "Have the debugger continue the guest, or resume it (cont)";
    default:
      return "Wait until it is running or paused";
  }
}

/**
 * The last check of the run state before the VM is touched.
 *
 * @throws {RefusedError} when it cannot be moved in this run state
 */
export function requireStillMovable(state: string): void {
  if (canBeMoved(state)) return;
  throw new RefusedError(
    "run-state",
    `The VM went into run state "${state}" after the checks; it was not ` +
      "touched",
    { remedy: remedyFor(state) },
  );
}

/** QEMU has a transition from "inmigrate" to these, and aborts at any other. */
const LOADABLE: readonly string[] = [
  ...MOVABLE,
  "internal-error",
  "finish-migrate",
  "postmigrate",
  "colo",
];

/** Whether QEMU can load a VM that was saved in this run state. */
export function canBeLoaded(state: string): boolean {
  return LOADABLE.includes(state);
}

/** The source after a migration; also after a failed exec of a paused VM. */
export const AFTER_MIGRATION = "postmigrate";

/** Of a source whose guest the migration has stopped. */
export const FINISHING: readonly string[] = ["finish-migrate", AFTER_MIGRATION];

/** Completes "the VM", for one that is in the run state of before. */
export function runPhrase(
  { running, runState }: Pick<VmRecord, "running" | "runState">,
): string {
  return running ? "runs" : `is ${runState}`;
}

/** Completes "the VM", for one that is stopped. */
export function stoppedPhrase(
  state: string | undefined,
  { runState }: Pick<VmRecord, "runState">,
): string {
  return state === AFTER_MIGRATION && state !== runState
    ? `is stopped, as before, in run state "${state}" instead of ` +
      `"${runState}" until it has run`
    : `is ${state}`;
}
