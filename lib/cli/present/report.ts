/** Prints the progress and the report of an update. */

import { errorDocument } from "../wording/errors.ts";
import { exitCodeOf } from "../../update/error.ts";
import type { CheckObserver } from "../../update/preflight/check.ts";
import type { Report } from "../../update/report/report.ts";
import type { PhaseObserver } from "../../update/phase.ts";
import { writePage } from "../files/side.ts";
import type { CliProcess } from "../process.ts";
import { renderReport } from "../terminal/report.ts";
import { StatusLine } from "../terminal/status_line.ts";
import { jsonText } from "../../inert.ts";
import type { ReportView } from "../wording/verdict.ts";

/** How to show a report. */
export interface Presentation {
  /** As one JSON document on standard output. */
  readonly json: boolean;
  /** The file for the HTML page. */
  readonly report?: string | undefined;
  /** Default: "update". */
  readonly view?: ReportView;
  /** Whether checks that passed are printed, too. */
  readonly verbose?: boolean;
}

/**
 * Runs an update or a check, shows the current phase on a terminal, prints the
 * report, and sets the exit code. With `json`, standard output gets one JSON
 * document, also without a report; so does the page. A page that cannot be
 * written is only a warning.
 *
 * @returns the report
 * @throws the error of an update without a report
 */
export async function presentUpdate(
  process: CliProcess,
  { json, report: file, view, verbose }: Presentation,
  update: (observer: PhaseObserver, onCheck: CheckObserver) => Promise<Report>,
): Promise<Report> {
  const line = new StatusLine(process);
  let report: Report;
  try {
    report = await update(
      (phase) => line.show(`${phase} …`),
      ({ id, number, total }) =>
        line.show(`preflight, check ${number} of ${total}: ${id} …`),
    );
  } catch (error) {
    line.clear();
    if (file !== undefined) {
      await writePage(process, file, errorDocument(error), view);
    }
    throw error;
  } finally {
    line.clear();
  }
  process.stdout.write(
    json
      ? jsonText(report)
      : renderReport(report, process.look, { view, verbose }),
  );
  process.exitCode = exitCodeOf(report.outcome);
  if (file !== undefined) await writePage(process, file, report, view);
  return report;
}
