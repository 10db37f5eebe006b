/** Whether a JSON document is a report. */

import * as v from "valibot";
import { CprctlError } from "../../errors.ts";
import { type Report, reportSchema } from "./report.ts";

/** A document is not the report it should be. */
export class ReportError extends CprctlError {
  override readonly name = "ReportError";

  constructor(
    /** Each fault: where in the document, and what is wrong there. */
    readonly faults: readonly string[],
  ) {
    super("report", `Cannot read the report: ${faults.join("; ")}`);
  }
}

/**
 * Reads a report, such as another cprctl printed it.
 *
 * @throws {ReportError} naming every field that is missing, unknown or wrong
 */
export function validateReport(document: unknown): Report {
  const result = v.safeParse(reportSchema, document);
  if (result.success) return result.output;
  throw new ReportError(
    result.issues.map((issue) =>
      `"${v.getDotPath(issue) ?? ""}": ${issue.message}`
    ),
  );
}
