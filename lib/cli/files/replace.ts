/** A file that others read while it is written anew. */

import { CprctlError } from "../../errors.ts";

/** Everyone may read, as a web server, a collector or a colleague. */
const MODE = 0o644;

/** The file could not be written; what it would have told has happened. */
export class UnwrittenFileError extends CprctlError {
  override readonly name: string = "UnwrittenFileError";

  constructor(code: string, path: string, cause: unknown) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    super(code, `Cannot write "${path}": ${detail}`, { cause });
  }
}

/**
 * The file that is to be replaced: a link is followed, and a device must never
 * be.
 *
 * @throws {TypeError} for what is no regular file
 */
export async function fileBehind(path: string): Promise<string> {
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

/** Whoever reads the file meanwhile sees the old one or the new one, whole. */
export async function replaceFile(path: string, text: string): Promise<void> {
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
    // Why the file could not be written says more than why its draft stays.
  }
}
