/** The report as a page in a file. */

import { CprctlError } from "../errors.ts";
import { type PageDocument, renderPage } from "./html/mod.ts";

/** Everyone may read, as a web server or a colleague. */
const MODE = 0o644;

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
    await replaceFile(await targetOf(path), text);
  } catch (error) {
    throw new ReportFileError(path, error);
  }
}

/** The file that is to be replaced: a device must never be. */
async function targetOf(path: string): Promise<string> {
  try {
    const target = await Deno.realPath(path);
    const { isFile } = await Deno.stat(target);
    if (!isFile) throw new TypeError("Not a regular file");
    return target;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.new`;
  try {
    await Deno.writeTextFile(draft, text, { createNew: true });
    // The umask has its say about a new file; not about this.
    await Deno.chmod(draft, MODE);
    await Deno.rename(draft, path);
  } catch (error) {
    await removeIfThere(draft);
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // Why the page could not be written says more than why its draft stays.
  }
}
