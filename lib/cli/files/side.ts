/**
 * Additional files that a command writes. If one cannot be written, this is
 * only a warning, since the action itself is done. The code for a file is
 * loaded only if it is requested.
 *
 * @module
 */

import type { HostList } from "../../update/host/list.ts";
import type { Report } from "../../update/report/report.ts";
import type { PageDocument } from "../html/mod.ts";
import type { CliProcess } from "../process.ts";
import type { ReportView } from "../wording/verdict.ts";
import { printable } from "../../inert.ts";
import { UnwrittenFileError } from "./replace.ts";

/** Writes the page for `--report`. */
export async function writePage(
  process: CliProcess,
  file: string,
  document: PageDocument,
  view?: ReportView,
): Promise<void> {
  const { writeReportFile } = await import("./report.ts");
  await writeOrWarn(process, () => writeReportFile(file, document, view));
}

/** Writes the metrics for `--metrics`. */
export async function writeMetrics(
  process: CliProcess,
  file: string,
  reports: readonly Report[],
  host: HostList,
): Promise<void> {
  const { writeMetricsFile } = await import("./metrics.ts");
  await writeOrWarn(process, () => writeMetricsFile(file, reports, host));
}

/** @throws any other error of `write` */
async function writeOrWarn(
  process: CliProcess,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof UnwrittenFileError)) throw error;
    process.stderr.write(`warning: ${printable(error.message)}\n`);
  }
}
