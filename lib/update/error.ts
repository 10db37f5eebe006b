import { CprctlError } from "../errors.ts";
import type { Outcome } from "./outcome.ts";

/** Why an update did not come to its end; carries what the report says. */
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

/** The VM was shut down meanwhile, in good order: nothing is left to move. */
export class ShutDownError extends UpdateError {
  override readonly name: string = "ShutDownError";
  override readonly outcome = "shut-down";
  override readonly exitCode = 0;
}

/** The code of an update that was ended before the new program was executed. */
export const CANCELLED = "cancelled";

/** The code where the VM's process ended while it was looked at. */
export const ENDED = "process-ended";

/** The code of an update whose VM ended by itself before it was touched. */
export const ENDED_UNTOUCHED = "ended-before";

/** Ended on the way, and the VM is on its old program as it was. */
export class RolledBackError extends UpdateError {
  override readonly name: string = "RolledBackError";
  override readonly outcome = "rolled-back";
  override readonly exitCode = 4;
}

/** The VM may not run; a person has to look at it. */
export class NeedsPersonError extends UpdateError {
  override readonly name: string = "NeedsPersonError";
  override readonly outcome = "needs-person";
  override readonly exitCode = 5;
}

/**
 * The guest ran on the program that took it over, and that program ended: there
 * is nothing to put the VM back from, nor anything to keep of the update.
 */
export class EndedAfterResumeError extends NeedsPersonError {
  override readonly name: string = "EndedAfterResumeError";
}

/** Whether nothing is left of a VM: nothing to put back, nor to recover. */
export function isOver(
  error: unknown,
): error is EndedAfterResumeError | ShutDownError {
  return error instanceof EndedAfterResumeError ||
    error instanceof ShutDownError;
}

/**
 * Something went wrong on the way; whoever catches it knows what became of the
 * VM and makes the error that says so.
 */
export class UpdateProblem extends CprctlError {
  override readonly name: string = "UpdateProblem";
}

/** A phrase at the start of a message. */
export function capital(phrase: string): string {
  return phrase.slice(0, 1).toUpperCase() + phrase.slice(1);
}
