/** What `--metrics` asks for. */

import { UsageError } from "../../errors.ts";
import type { HostList } from "../../update/host/list.ts";
import type { Report } from "../../update/report/report.ts";
import { writeOrWarn } from "../files/side.ts";
import type { CliProcess } from "../process.ts";

/** The option. */
export const METRICS_FLAG = {
  kind: "parsed",
  parse: parseMetricsFile,
  brief: "Write this host's VMs and updates for node_exporter too: FILE.prom",
  placeholder: "file",
  optional: true,
} as const;

/** node_exporter passes over files of other names. */
function parseMetricsFile(path: string): string {
  if (/(?:^|[^/])\.prom$/.test(path)) return path;
  throw new UsageError("Want the name of a file that ends in .prom");
}

/**
 * Writes the metrics that `--metrics` asks for. Those that cannot be written
 * are a warning on standard error: what they would have told has happened.
 */
export async function writeMetrics(
  process: CliProcess,
  file: string,
  reports: readonly Report[],
  host: HostList,
): Promise<void> {
  const { writeMetricsFile } = await import("../files/metrics.ts");
  await writeOrWarn(process, () => writeMetricsFile(file, reports, host));
}
