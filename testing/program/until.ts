/** Waiting for what nobody announces. */

import { within } from "../../lib/qmp/deadline.ts";
import { sleep } from "../../lib/sleep.ts";

const POLL_MS = 2;

/**
 * Looks again and again until a condition holds.
 *
 * @param what completes "Gave up waiting until …"
 * @throws {Error} if it does not hold within `timeoutMs`
 */
export async function until(
  what: string,
  timeoutMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await holds()) {
    if (performance.now() > deadline) throw late(what, timeoutMs);
    await sleep(POLL_MS);
  }
}

/**
 * The outcome of a promise that somebody else sees to.
 *
 * @param what completes "Gave up waiting until …"
 * @throws {Error} if it is not settled within `timeoutMs`
 */
export async function inTime<T>(
  what: string,
  timeoutMs: number,
  promise: Promise<T>,
): Promise<T> {
  return await within(promise, { timeoutMs }, () => late(what, timeoutMs));
}

function late(what: string, timeoutMs: number): Error {
  return new Error(`Gave up waiting until ${what} after ${timeoutMs} ms`);
}
