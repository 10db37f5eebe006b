/**
 * Files that may not be there, and processes that may have ended: what /proc
 * says of an ended one is not there either.
 *
 * @module
 */

/** Opened before the end and read after it: ESRCH, which has no class, nor code. */
const NO_SUCH_PROCESS = /^No such process \(os error 3\)/;

const GONE: readonly unknown[] = ["ENOENT", "ESRCH"];

/** Whether something failed because the file, or the process, is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error &&
      ("code" in error && GONE.includes(error.code) ||
        NO_SUCH_PROCESS.test(error.message));
}

/** What comes of an action; undefined where its file or process is not there. */
export async function ifThere<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** The same of what is done at once. */
export function ifThereSync<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
