/**
 * How an update can end, and the error that says so. The outcome of a failed
 * update depends on the stage that it had reached and on what is left of the VM;
 * every error after the checks is made by {@linkcode FAILURES}:
 *
 * ```
 * what is left of the VM                          untouched  stopped      moved
 * source     it is on the source, as before       refused    rolled back  rolled back
 * saved      its RAM and the complete state                               rolled back
 * silent     a source that does not answer                   needs person
 * torn       its RAM and an incomplete state                              needs person
 * stuck      RAM and state, but no program loads it                       needs person
 * ran        the guest has run on the destination                         needs person
 * ended      it has run there, and that ended                             needs person
 * nothing    its process has ended                needs p.   needs person
 * shut down  its guest or a client ended it       shut down  shut down    shut down
 * ```
 *
 * @module
 */

import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** How an update can end, and its exit code. */
export const OUTCOMES = {
  /** The VM is on the new program, running or paused as before. */
  "updated": 0,
  /** Not touched: the VM executes that program already. */
  "up-to-date": 0,
  /** Not touched: this was only a check. */
  "would-update": 0,
  /** The VM powered off, or was shut down, during the update. */
  "shut-down": 0,
  /** Not touched. */
  "refused": 3,
  /** The VM is on the old program, its RAM unchanged. */
  "rolled-back": 4,
  /** The VM may not run: the error says why, and what to do. */
  "needs-person": 5,
} as const satisfies Readonly<Record<string, number>>;

/** How an update ended. */
export type Outcome = keyof typeof OUTCOMES;

/** The exit code that an outcome stands for. */
export function exitCodeOf(outcome: Outcome): number {
  return OUTCOMES[outcome];
}

/** Why an update was not completed; its fields go into the report. */
export class UpdateError extends CprctlError {
  override readonly name: string = "UpdateError";
  /** How the update ended. */
  readonly outcome: Outcome = "needs-person";
  override readonly exitCode: number = OUTCOMES["needs-person"];
}

/** Refused before anything was touched: the VM runs on as it did. */
export class RefusedError extends UpdateError {
  override readonly name: string = "RefusedError";
  override readonly outcome = "refused";
  override readonly exitCode = OUTCOMES.refused;
}

/** The VM was shut down cleanly during the update: nothing is left to move. */
export class ShutDownError extends UpdateError {
  override readonly name: string = "ShutDownError";
  override readonly outcome = "shut-down";
  override readonly exitCode = OUTCOMES["shut-down"];
}

/** The code of an update that was ended before the new program was executed. */
export const CANCELLED = "cancelled";

/** The code when the VM's process ended while it was examined. */
export const ENDED = "process-ended";

/** The code when the VM's process ended by itself before it was touched. */
export const ENDED_UNTOUCHED = "ended-before";

/** The update failed, and the VM is on its old program as before. */
export class RolledBackError extends UpdateError {
  override readonly name: string = "RolledBackError";
  override readonly outcome = "rolled-back";
  override readonly exitCode = OUTCOMES["rolled-back"];
}

/** The VM may not run; the operator has to look at it. */
export class NeedsPersonError extends UpdateError {
  override readonly name: string = "NeedsPersonError";
}

/**
 * The guest ran on the destination, and that program ended: the VM can neither
 * be rolled back nor recovered.
 */
class EndedAfterResumeError extends NeedsPersonError {
  override readonly name: string = "EndedAfterResumeError";
}

/** Whether nothing is left of a VM that could be rolled back or recovered. */
export function isOver(
  error: unknown,
): error is EndedAfterResumeError | ShutDownError {
  return error instanceof EndedAfterResumeError ||
    error instanceof ShutDownError;
}

/**
 * A failure inside a phase. The code that catches it knows the state of the VM,
 * and makes an {@linkcode UpdateError} of it.
 */
export class UpdateProblem extends CprctlError {
  override readonly name: string = "UpdateProblem";
}

/** A phrase with a capital letter, to begin a message. */
export function capital(phrase: string): string {
  return phrase.slice(0, 1).toUpperCase() + phrase.slice(1);
}

/**
 * The stages: until `migrate` is sent the VM is untouched; then it is stopped,
 * on the source; from `migrate-continue` on it is moved.
 */
export const FAILURES = {
  untouched: {
    "source": "refused",
    "nothing": "needs-person",
    "shut down": "shut-down",
  },
  stopped: {
    "source": "rolled-back",
    "silent": "needs-person",
    "nothing": "needs-person",
    "shut down": "shut-down",
  },
  moved: {
    "source": "rolled-back",
    "saved": "rolled-back",
    "torn": "needs-person",
    "stuck": "needs-person",
    "ran": "needs-person",
    "ended": "needs-person",
    "shut down": "shut-down",
  },
} as const satisfies Readonly<
  Record<string, Readonly<Record<string, Outcome>>>
>;

/** The stage that an update had reached. */
export type Stage = keyof typeof FAILURES;

/** What is left of the VM. */
export type Remains<S extends Stage> = keyof typeof FAILURES[S] & string;

const KINDS = {
  "refused": RefusedError,
  "rolled-back": RolledBackError,
  "needs-person": NeedsPersonError,
  "shut-down": ShutDownError,
} as const;

/** The error for a failed update, by the table. */
export function failure<S extends Stage>(
  stage: S,
  remains: Remains<S>,
  code: string,
  message: string,
  advice?: ErrorAdvice,
): UpdateError {
  const left: string = remains;
  const row: Readonly<Record<string, keyof typeof KINDS>> = FAILURES[stage];
  const outcome = row[left] ?? "needs-person";
  const Kind = left === "ended" && outcome === "needs-person"
    ? EndedAfterResumeError
    : KINDS[outcome];
  return new Kind(code, message, advice);
}

/**
 * The error for a VM that was shut down during the update.
 *
 * @param why completes "The VM was shut down:"
 */
export function shutDown(
  stage: Stage,
  pid: number,
  why: string,
  cause?: unknown,
): UpdateError {
  const when = stage === "moved" ? "right after" : "before";
  return failure(
    stage,
    "shut down",
    "shut-down",
    `The VM was shut down ${when} it was moved: ${why}; process ${pid} has ended`,
    { cause },
  );
}
