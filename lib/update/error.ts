import { CprctlError } from "../errors.ts";
import type { Outcome } from "./outcome.ts";

/** Why an update was not completed; its fields go into the report. */
export class UpdateError extends CprctlError {
  override readonly name: string = "UpdateError";
  /** How the update ended. */
  readonly outcome: Outcome = "needs-person";
  override readonly exitCode: number = 5;
}

/** Refused before anything was touched: the VM runs on as it did. */
export class RefusedError extends UpdateError {
  override readonly name: string = "RefusedError";
  override readonly outcome = "refused";
  override readonly exitCode = 3;
}

/** The VM was shut down cleanly during the update: nothing is left to move. */
export class ShutDownError extends UpdateError {
  override readonly name: string = "ShutDownError";
  override readonly outcome = "shut-down";
  override readonly exitCode = 0;
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
  override readonly exitCode = 4;
}

/** The VM may not run; the operator has to look at it. */
export class NeedsPersonError extends UpdateError {
  override readonly name: string = "NeedsPersonError";
  override readonly outcome = "needs-person";
  override readonly exitCode = 5;
}

/**
 * The guest ran on the destination, and that program ended: the VM can neither
 * be rolled back nor recovered.
 */
export class EndedAfterResumeError extends NeedsPersonError {
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
