/**
 * Moves a running VM onto a new program in the same process, or puts it back.
 *
 * @module
 */

import { microsecondsBetween, type QmpEvent } from "../qmp/mod.ts";
import { Deadline } from "./deadline.ts";
import { RolledBackError } from "./error.ts";
import type { Report } from "./report/report.ts";
import { addFailure, type Draft } from "./report_draft.ts";
import { survey, type SurveyedVm, type SurveyRequest } from "./survey.ts";
import { type PhaseClock, round } from "./transaction/phase_clock.ts";
import { type Course, runTransaction } from "./transaction/transaction.ts";
import { programOf } from "./vm/facts.ts";
import { ChangedMeanwhileProblem } from "./vm/fingerprint.ts";

/** What is asked for. */
export interface UpdateRequest extends SurveyRequest {
  /**
   * Milliseconds until the VM runs on the new program; going back may take as
   * long once more.
   */
  readonly timeoutMs: number;
}

/** How often an update starts over that found the VM changed meanwhile. */
const NEW_STARTS = 2;

/**
 * Updates one VM. A change that another client made, or the guest, after the
 * checks had looked at it, is found while it stands still: it runs on, and the
 * update starts over with what the VM is now. Comes back with a report as soon as it knows the VM; the
 * error in it says what went wrong and in which state the VM is.
 *
 * @throws {RefusedError} when the monitor cannot be reached: nothing touched
 */
export async function update(request: UpdateRequest): Promise<Report> {
  const deadline = new Deadline(request.timeoutMs);
  const earlier: Draft[] = [];
  for (;;) {
    let startsOver = false;
    const report = await survey({ ...request, deadline }, async (vm) => {
      startsOver = await move(vm, request);
    });
    if (!startsOver || earlier.length === NEW_STARTS) {
      return withEarlier(report, earlier);
    }
    earlier.push(report);
  }
}

/** Adds what the starts before the last did to the guest. */
function withEarlier(report: Draft, earlier: readonly Draft[]): Report {
  report.warnings.unshift(
    ...earlier.flatMap(({ warnings }) => warnings),
    ...earlier.map(({ error, downtime_ms: stoodStill }) =>
      `Started over: ${error?.message}` +
      (stoodStill === null
        ? ""
        : `; the guest stood still for ${stoodStill} ms`)
    ),
  );
  // The last may not have touched the guest, which stood still all the same.
  report.downtime_ms ??= earlier.map((it) => it.downtime_ms)
    .filter((it) => it !== null)
    .reduce((longest: number | null, it) => Math.max(longest ?? 0, it), null);
  return report;
}

/** @returns whether another start may do what this one could not */
async function move(vm: SurveyedVm, request: UpdateRequest): Promise<boolean> {
  const { report, signals, deadline } = vm;
  const { self, timeoutMs } = request;
  const course: Course = { touched: false, warnings: report.warnings };
  let startsOver = false;
  try {
    await runTransaction({
      ...{ ...vm, self, timeoutMs },
      allowWeakerConfinement: request.allowWeakerConfinement ?? false,
    }, course);
    report.outcome = "updated";
    report.changed = true;
  } catch (error) {
    if (!course.touched) throw error;
    addFailure(report, error);
    startsOver = isOutdated(error) && signals.seen.length === 0 &&
      deadline.left() > 0;
  }
  report.warnings.push(...signals.warnings());
  tell(vm, course);
  return startsOver;
}

/** Whether the VM runs as before, and was only another than the checks saw. */
function isOutdated(error: unknown): boolean {
  return error instanceof RolledBackError &&
    error.cause instanceof ChangedMeanwhileProblem;
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
  report.downtime_start_ms = sinceStart(stop, clock);
  if (resume !== undefined) {
    report.downtime_ms = round(microsecondsBetween(stop, resume) / 1000);
  }
}

/** When an event happened, in milliseconds of the update's clock. */
function sinceStart({ timestamp }: QmpEvent, clock: PhaseClock): number {
  const at = timestamp.seconds * 1000 + timestamp.microseconds / 1000;
  return round(at - (Date.now() - clock.elapsed()));
}
