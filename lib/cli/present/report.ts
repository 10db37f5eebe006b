/** Prints the progress and the report of an update. */

import { codeOf, messageOf, remedyOf } from "../../errors.ts";
import { exitCodeOf } from "../../update/error.ts";
import {
  type ErrorDocument,
  type Report,
  REPORT_SCHEMA,
} from "../../update/report/report.ts";
import { sealed } from "../../update/report/sealed.ts";
import type { PhaseObserver } from "../../update/phase.ts";
import { writePage } from "../files/side.ts";
import type { CliProcess } from "../process.ts";
import { renderReport, type ReportView } from "../terminal/report.ts";
import { StatusLine } from "../terminal/status_line.ts";
import { inertJson } from "../../inert.ts";

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
  update: (observer: PhaseObserver) => Promise<Report>,
): Promise<Report> {
  const line = new StatusLine(process);
  let report: Report;
  try {
    report = await update((phase) => line.show(`${phase} …`));
  } catch (error) {
    line.clear();
    const document = errorDocument(error);
    if (json) writeJson(process, document);
    if (file !== undefined) await writePage(process, file, document);
    throw error;
  } finally {
    line.clear();
  }
  if (json) writeJson(process, report);
  else {process.stdout.write(
      renderReport(report, process.look, { view, verbose }),
    );}
  process.exitCode = exitCodeOf(report.outcome);
  if (file !== undefined) await writePage(process, file, report);
  return report;
}

/** The output of `--json` for an error before anything was touched. */
export function errorDocument(error: unknown): ErrorDocument {
  return sealed({
    schema: REPORT_SCHEMA,
    outcome: "error",
    changed: false,
    error: {
      code: codeOf(error),
      message: messageOf(error),
      remedy: remedyOf(error) ?? null,
      qemu: null,
    },
  });
}

function writeJson(process: CliProcess, document: Report | ErrorDocument) {
  process.stdout.write(`${inertJson(document, 2)}\n`);
}
