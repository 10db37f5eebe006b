/** Waiting, but not for ever. */

/** How long to wait, and what else ends the wait. */
export interface Patience {
  /** Milliseconds from now. */
  readonly timeoutMs: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The outcome of `promise`, unless the time runs out first: then what `late`
 * makes. Whoever owns the promise still has to end its work.
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
