/**
 * An update up to where it would touch the VM.
 *
 * @module
 */

import type { Report } from "./report/report.ts";
import { survey, type SurveyRequest } from "./survey.ts";
import { refuseIfInterrupted } from "./transaction/deferred_signals.ts";

/** What is to be looked at. */
export interface CheckRequest extends SurveyRequest {
  /** Told the command line that an update would execute. */
  readonly onCommand?: ((argv: readonly string[]) => void) | undefined;
}

/**
 * Says what an update would do: the same code finds out, and stops there.
 *
 * @throws {RefusedError} when the monitor cannot be reached
 */
export async function check(request: CheckRequest): Promise<Report> {
  return await survey(request, ({ report, signals, command }) => {
    refuseIfInterrupted(signals);
    request.onCommand?.(command.argv);
    report.outcome = "would-update";
    report.changed = true;
  });
}
