/** The time at which an update has to be over. */
export class Deadline {
  #at: number;

  /** @param timeoutMs milliseconds from now */
  constructor(readonly timeoutMs: number) {
    this.#at = performance.now() + timeoutMs;
  }

  /** On the clock of `performance.now()`. */
  get at(): number {
    return this.#at;
  }

  /** Moves it by time that was spent waiting for others. */
  extend(milliseconds: number): void {
    this.#at += milliseconds;
  }

  /** Milliseconds left, at most `limit`; 0 when the time is over. */
  left(limit = Infinity): number {
    return Math.max(0, Math.min(limit, this.#at - performance.now()));
  }
}
