/** Options of several commands. @module */

import { ifThereSync } from "../../gone.ts";
import { UsageError } from "../../errors.ts";
import { folderOf } from "../../path.ts";
import type { Switch, Valued } from "../command.ts";

/** Print JSON. */
export const JSON_OPTION: Switch = { brief: "Print one JSON document" };

/** How sections are named. */
export const SECTION_NAMES =
  "NAME, its last part, NAME:INSTANCE or a PCI address, with * and ?; several " +
  "with commas";

/** Accept a weaker confinement. */
export const WEAKER_OPTION: Switch = {
  brief: "Accept that a VM that is rolled back is less confined than before",
};

/** The report as a page. */
export const REPORT_OPTION: Valued<string> = {
  value: "FILE",
  parse: parseReportFile,
  brief: "Also write the report to FILE as an HTML page",
};

/** Rows of a page unless others are asked for: what a browser shows at once. */
export const PAGE_ROWS = 20_000;

/** The lines of a state. */
export const LIMIT_OPTION: Valued<number> = {
  value: "LINES",
  parse: parseLines,
  brief:
    `Show at most that many lines (default: all; with --report, ${PAGE_ROWS})`,
};

/** Metrics of this host. */
export const METRICS_OPTION: Valued<string> = {
  value: "FILE",
  parse: parseMetricsFile,
  brief: "Also write metrics for node_exporter to FILE, a name ending in .prom",
};

/**
 * Parses the number of a process.
 *
 * @throws {UsageError}
 */
export function parsePid(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError("Expected a PID");
  return Number(text);
}

function parseLines(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError("Expected a number of lines, from 1 to 9999999");
}

/** Standard output is used already. */
function parseReportFile(path: string): string {
  if (path === "-" || path.endsWith("/")) {
    throw new UsageError("Expected a file name");
  }
  // Before the update: afterwards it would be too late for another name.
  const info = ifThereSync(() => Deno.lstatSync(path));
  if (info?.isFile === false) throw new UsageError("It is not a regular file");
  if (ifThereSync(() => Deno.statSync(folderOf(path))) === undefined) {
    throw new UsageError("Its folder does not exist");
  }
  return path;
}

/** node_exporter ignores files with other names. */
function parseMetricsFile(path: string): string {
  if (/(?:^|[^/])\.prom$/.test(path)) return path;
  throw new UsageError("Expected a file name that ends in .prom");
}
