/**
 * The outcome of a failed update, by the stage that it had reached and by what
 * is left of the VM. Every error after the checks is made by this table.
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

import type { ErrorAdvice } from "../errors.ts";
import {
  EndedAfterResumeError,
  NeedsPersonError,
  RefusedError,
  RolledBackError,
  ShutDownError,
  type UpdateError,
} from "./error.ts";
import type { Outcome } from "./outcome.ts";

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
