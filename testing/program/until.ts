/** Waiting for what nobody announces. */

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
    if (performance.now() > deadline) {
      throw new Error(`Gave up waiting until ${what} after ${timeoutMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
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
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new Error(`Gave up waiting until ${what} after ${timeoutMs} ms`),
      ),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
