/** The options that say how a report is to be shown. */

import type { FlagParametersForType } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { CliContext } from "../context.ts";
import { switchFlag } from "./parameters.ts";

/** What the options say. */
export interface ReportFlags {
  readonly json: boolean;
  readonly report?: string;
}

/** The options. */
export const REPORT_FLAGS: FlagParametersForType<ReportFlags, CliContext> = {
  json: switchFlag("Print the report as one JSON document"),
  report: {
    kind: "parsed",
    parse: parseReportFile,
    brief: "Write the report as one HTML page too",
    placeholder: "file",
    optional: true,
  },
};

/** Standard output has a report already. */
function parseReportFile(path: string): string {
  if (path === "" || path === "-" || path.endsWith("/")) {
    throw new UsageError("Want the name of a file");
  }
  return path;
}
