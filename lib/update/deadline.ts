/** The moment at which an update has to be over, come what may. */
export class Deadline {
  #at: number;

  /** @param timeoutMs milliseconds from now */
  constructor(readonly timeoutMs: number) {
    this.#at = performance.now() + timeoutMs;
  }

  /** As `performance.now()` counts. */
  get at(): number {
    return this.#at;
  }

  /** Puts it off by the time that somebody else took. */
  extend(milliseconds: number): void {
    this.#at += milliseconds;
  }

  /** Milliseconds that are left, none once it is over; `limit` at most. */
  left(limit = Infinity): number {
    return Math.max(0, Math.min(limit, this.#at - performance.now()));
  }
}
