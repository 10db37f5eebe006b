/**
 * Files that a command writes besides what it is for. One that cannot be
 * written is a warning on standard error: what it would have told has happened.
 * The code that makes a file is loaded where one is wanted, and nowhere else.
 *
 * @module
 */

import type { HostList } from "../../update/host/list.ts";
import type { Report } from "../../update/report/report.ts";
import type { PageDocument } from "../html/mod.ts";
import type { CliProcess } from "../process.ts";
import { printable } from "../wording/printable.ts";
import { UnwrittenFileError } from "./replace.ts";

/** Writes the page that `--report` asks for. */
export async function writePage(
  process: CliProcess,
  file: string,
  document: PageDocument,
): Promise<void> {
  const { writeReportFile } = await import("./report.ts");
  await writeOrWarn(process, () => writeReportFile(file, document));
}

/** Writes the metrics that `--metrics` asks for. */
export async function writeMetrics(
  process: CliProcess,
  file: string,
  reports: readonly Report[],
  host: HostList,
): Promise<void> {
  const { writeMetricsFile } = await import("./metrics.ts");
  await writeOrWarn(process, () => writeMetricsFile(file, reports, host));
}

/** @throws what else `write` throws */
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
