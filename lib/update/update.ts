/**
 * Moves a running VM onto a new program in the same process, or puts it back.
 *
 * @module
 */

import { microsecondsBetween, type QmpEvent } from "../qmp/mod.ts";
import type { Report } from "./report/report.ts";
import { addFailure } from "./report_draft.ts";
import { survey, type SurveyedVm, type SurveyRequest } from "./survey.ts";
import { type PhaseClock, round } from "./transaction/phase_clock.ts";
import { type Course, runTransaction } from "./transaction/transaction.ts";
import { programOf } from "./vm/facts.ts";

/** What is asked for. */
export interface UpdateRequest extends SurveyRequest {
  /**
   * Milliseconds until the VM runs on the new program; going back may take as
   * long once more.
   */
  readonly timeoutMs: number;
}

/**
 * Updates one VM. Comes back with a report as soon as it knows the VM; the
 * error in it says what went wrong and in which state the VM is.
 *
 * @throws {RefusedError} when the monitor cannot be reached: nothing touched
 */
export async function update(request: UpdateRequest): Promise<Report> {
  return await survey(request, (vm) => move(vm, request));
}

async function move(vm: SurveyedVm, request: UpdateRequest): Promise<void> {
  const { report, signals } = vm;
  const { self, timeoutMs } = request;
  const course: Course = { touched: false, warnings: report.warnings };
  try {
    await runTransaction({ ...vm, self, timeoutMs }, course);
    report.outcome = "updated";
    report.changed = true;
  } catch (error) {
    if (!course.touched) throw error;
    addFailure(report, error);
  }
  report.warnings.push(...signals.warnings());
  tell(vm, course);
}

/** Adds to the report what became known on the way. */
function tell({ report, facts, clock }: SurveyedVm, course: Course): void {
  const { stop, resume, newVersion } = course;
  report.ram = course.ram ?? null;
  if (course.pid !== undefined) report.pid_after = course.pid;
  if (newVersion !== undefined) {
    report.to = programOf(facts.program, newVersion, report.to?.exe ?? "");
  }
  if (stop === undefined) return;
  report.blackout_start_ms = sinceStart(stop, clock);
  if (resume !== undefined) {
    report.blackout_ms = round(microsecondsBetween(stop, resume) / 1000);
  }
}

/** When an event happened, in milliseconds of the update's clock. */
function sinceStart({ timestamp }: QmpEvent, clock: PhaseClock): number {
  const at = timestamp.seconds * 1000 + timestamp.microseconds / 1000;
  return round(at - (Date.now() - clock.elapsed()));
}
