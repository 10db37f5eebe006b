/** From an update under way to what is printed, and the exit code. */

import { CprctlError } from "../errors.ts";
import {
  type ErrorDocument,
  exitCodeOf,
  type PhaseName,
  type Report,
  REPORT_SCHEMA,
} from "../update/report.ts";
import type { PhaseObserver } from "../update/phase_clock.ts";
import { printable } from "./printable.ts";
import type { CliProcess } from "./process.ts";
import { renderReport, type ReportView } from "./report_text.ts";

/** How a report is to be shown. */
export interface Presentation {
  /** On standard output as one JSON document, in place of words. */
  readonly json: boolean;
  /** The file that gets it as a page. */
  readonly report?: string | undefined;
  /** Default: what was done. */
  readonly view?: ReportView;
}

/**
 * Runs an update, or a check of one; names the phase at hand to whoever watches, prints the
 * report, and sets the exit code that its outcome stands for. With `json`,
 * standard output gets one JSON document, also where there is no report; and
 * so does the page. A page that cannot be written is a warning on standard
 * error: the update is what it is.
 *
 * @throws what the update throws
 */
export async function presentUpdate(
  process: CliProcess,
  { json, report: file, view }: Presentation,
  update: (observer: PhaseObserver) => Promise<Report>,
): Promise<void> {
  const line = new StatusLine(process);
  let report: Report;
  try {
    report = await update((phase) => line.show(phase));
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
  else process.stdout.write(renderReport(report, process.look, view));
  process.exitCode = exitCodeOf(report.outcome);
  if (file !== undefined) await writePage(process, file, report);
}

async function writePage(
  process: CliProcess,
  file: string,
  document: Report | ErrorDocument,
): Promise<void> {
  // The page's code is loaded where a page is wanted, and nowhere else.
  const { ReportFileError, writeReportFile } = await import("./report_file.ts");
  try {
    await writeReportFile(file, document);
  } catch (error) {
    if (!(error instanceof ReportFileError)) throw error;
    process.stderr.write(`warning: ${printable(error.message)}\n`);
  }
}

/** What `--json` prints for an error that came before anything was touched. */
export function errorDocument(error: unknown): ErrorDocument {
  return {
    schema: REPORT_SCHEMA,
    outcome: "error",
    changed: false,
    error: {
      code: error instanceof CprctlError ? error.code : "internal",
      message: error instanceof Error ? error.message : String(error),
      remedy: error instanceof CprctlError ? error.remedy ?? null : null,
      qemu: null,
    },
  };
}

function writeJson(process: CliProcess, document: Report | ErrorDocument) {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** One line on a terminal's standard error, written over and over. */
class StatusLine {
  readonly #process: CliProcess;
  #shown = false;

  constructor(process: CliProcess) {
    this.#process = process;
  }

  show(phase: PhaseName): void {
    const { stderr, look } = this.#process;
    if (!stderr.isTerminal || !look.unicode) return;
    this.clear();
    stderr.write(`  ${phase} …`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.#process.stderr.write("\r\u001b[K");
    this.#shown = false;
  }
}
