/**
 * Handles files that may not exist, and processes that may have ended, whose
 * files in /proc do not exist either.
 *
 * @module
 */

/**
 * ESRCH, of a file read after the process has ended: it has no class or code.
 */
const NO_SUCH_PROCESS = /^No such process \(os error 3\)/;

const GONE: readonly unknown[] = ["ENOENT", "ESRCH"];

/** Whether an error means that the file or process does not exist. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error &&
      ("code" in error && GONE.includes(error.code) ||
        NO_SUCH_PROCESS.test(error.message));
}

/** The result of an action; undefined if its file or process does not exist. */
export async function ifThere<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** The same for a synchronous action. */
export function ifThereSync<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Removes the socket file of a program that was killed, or that exec'd. */
export function removeDeadSocket(path: string): void {
  ifThereSync(() => {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  });
}
