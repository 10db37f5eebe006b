/** The report as a page in a file. */

import { type PageDocument, renderPage } from "../html/mod.ts";
import { replaceFile, UnwrittenFileError } from "./replace.ts";

/** The page could not be written; what it would have told has happened. */
export class ReportFileError extends UnwrittenFileError {
  override readonly name = "ReportFileError";

  constructor(path: string, cause: unknown) {
    super("report-file", path, cause);
  }
}

/**
 * Writes the page; whoever reads the file meanwhile sees the old one or the
 * new one, whole. What is not a file stays what it is, a link as well.
 *
 * @throws {ReportFileError}
 */
export async function writeReportFile(
  path: string,
  document: PageDocument,
): Promise<void> {
  try {
    const host = Deno.hostname();
    const text = renderPage(document, { host, at: new Date() });
    await replaceFile(path, text);
  } catch (error) {
    throw new ReportFileError(path, error);
  }
}
