/** What `--report` asks for. */

import { writeOrWarn } from "../files/side.ts";
import type { PageDocument } from "../html/mod.ts";
import type { CliProcess } from "../process.ts";

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
  const { writeReportFile } = await import("../files/report.ts");
  await writeOrWarn(process, () => writeReportFile(file, document));
}
