/**
 * An update up to where it would touch the VM.
 *
 * @module
 */

import { refuseIfInterrupted } from "./deferred_signals.ts";
import type { Report } from "./report.ts";
import { survey, type SurveyRequest } from "./survey.ts";

/**
 * Says what an update would do: the same code finds out, and stops there.
 *
 * @throws {RefusedError} when the monitor cannot be reached
 */
export async function check(request: SurveyRequest): Promise<Report> {
  return await survey(request, ({ report, signals }) => {
    refuseIfInterrupted(signals);
    report.outcome = "would-update";
    report.changed = true;
  });
}
