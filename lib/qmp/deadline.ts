/** Bounded waiting. */

/** How long to wait. */
export interface Patience {
  /** Milliseconds from now. */
  readonly timeoutMs: number;
  /** Aborts the wait, which throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for `promise`; throws the error that `late` makes if the time is over
 * first. The work behind the promise is not aborted.
 */
export async function within<T>(
  promise: Promise<T>,
  { timeoutMs, signal }: Patience,
  late: () => Error,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), Math.max(0, timeoutMs));
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
