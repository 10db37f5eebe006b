import { readWholeText, UnreadableError } from "../bounded_file.ts";
import { isGone } from "../gone.ts";

/** Limit in bytes for files that are not known to be longer. */
const MAXIMUM_FILE = 4 * 1024 * 1024;

/**
 * Reads a file of a process.
 *
 * @param name such as "status"
 * @throws {UnreadableError} when it exceeds the limit, or does not come in time
 */
export async function readProcText(
  pid: number | "self",
  name: string,
  limit = MAXIMUM_FILE,
): Promise<string> {
  return await readWholeText(`/proc/${pid}/${name}`, limit);
}

/** What is read of a process; undefined where it is {@linkcode isHidden}. */
export async function ifVisible<T>(
  reading: Promise<T>,
): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}

/** Whether a process has ended, may not be inspected, or does not answer in time. */
export function isHidden(error: unknown): boolean {
  return isGone(error) || error instanceof Deno.errors.PermissionDenied ||
    error instanceof UnreadableError;
}
