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
import type { CliProcess } from "./process.ts";
import { renderReport, type ReportView } from "./report_text.ts";

/**
 * Runs an update, or a check of one; names the phase at hand to whoever watches, prints the
 * report, and sets the exit code that its outcome stands for. With `json`,
 * standard output gets one JSON document, also where there is no report.
 *
 * @throws what the update throws
 */
export async function presentUpdate(
  process: CliProcess,
  json: boolean,
  update: (observer: PhaseObserver) => Promise<Report>,
  view?: ReportView,
): Promise<void> {
  const line = new StatusLine(process);
  let report: Report;
  try {
    report = await update((phase) => line.show(phase));
  } catch (error) {
    if (json) writeJson(process, errorDocument(error));
    throw error;
  } finally {
    line.clear();
  }
  if (json) writeJson(process, report);
  else process.stdout.write(renderReport(report, process.look, view));
  process.exitCode = exitCodeOf(report.outcome);
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
