/** The report as a page in a file. */

import { CprctlError } from "../errors.ts";
import { type PageDocument, renderPage } from "./html/mod.ts";
import { fileBehind, replaceFile } from "./replace_file.ts";

/** The page could not be written; what it would have told has happened. */
export class ReportFileError extends CprctlError {
  override readonly name: string = "ReportFileError";

  constructor(path: string, cause: unknown) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    super("report-file", `Cannot write "${path}": ${detail}`, { cause });
  }
}

/**
 * Writes the page; whoever reads the file meanwhile sees the old one or the
 * new one, whole. A link is followed; what is not a file stays what it is.
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
    await replaceFile(await fileBehind(path), text);
  } catch (error) {
    throw new ReportFileError(path, error);
  }
}
