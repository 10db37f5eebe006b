/** Writes the report as an HTML file. */

import { type PageDocument, renderPage } from "../html/mod.ts";
import type { ReportView } from "../wording/verdict.ts";
import { replaceFile, UnwrittenFileError } from "./replace.ts";

/** The page could not be written; the action itself is done. */
export class ReportFileError extends UnwrittenFileError {
  override readonly name = "ReportFileError";

  constructor(path: string, cause: unknown) {
    super("report-file", path, cause);
  }
}

/**
 * Writes the page, and replaces the file atomically. Anything but a regular
 * file is left unchanged.
 *
 * @throws {ReportFileError}
 */
export async function writeReportFile(
  path: string,
  document: PageDocument,
  view?: ReportView,
): Promise<void> {
  try {
    const host = Deno.hostname();
    const text = renderPage(document, { host, at: new Date(), view });
    await replaceFile(path, text);
  } catch (error) {
    throw new ReportFileError(path, error);
  }
}
