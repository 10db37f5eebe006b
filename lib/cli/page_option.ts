/** What `--report` asks for. */

import type { PageDocument } from "./html/mod.ts";
import { printable } from "./printable.ts";
import type { CliProcess } from "./process.ts";

/**
 * Writes the page that `--report` asks for. One that cannot be written is a
 * warning on standard error: what it would have told has happened.
 */
export async function writePage(
  process: CliProcess,
  file: string,
  document: PageDocument,
): Promise<void> {
  // The page's code is loaded where a page is wanted, and nowhere else.
  const { ReportFileError, writeReportFile } = await import("./report_file.ts");
  try {
    await writeReportFile(file, document);
  } catch (error) {
    if (!(error instanceof ReportFileError)) throw error;
    process.stderr.write(`warning: ${printable(error.message)}\n`);
  }
}
