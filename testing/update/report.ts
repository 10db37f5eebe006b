/** Checks whether a JSON document is a report. */

import * as v from "valibot";
import { type Report, reportSchema } from "../../lib/update/report/report.ts";

/** A document is not a valid report. */
export class ReportError extends Error {
  override readonly name = "ReportError";

  constructor(
    /** Each fault, with its path in the document. */
    readonly faults: readonly string[],
  ) {
    super(`Cannot read the report: ${faults.join("; ")}`);
  }
}

/**
 * Checks a report that another cprctl has printed.
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
