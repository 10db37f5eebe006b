/**
 * A descriptor with waits that can be cancelled.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { osError } from "./libc.ts";
import { poll, POLLIN, Waker } from "./poll.ts";

/**
 * Owns a descriptor and waits for its events; closing ends every wait at once.
 * The number is freed only after the last wait has ended, so that no wait can
 * poll another file under the same number.
 */
export class WaitableFd implements Disposable {
  readonly #waker = new Waker();
  #waits = 0;
  #closed = false;

  /** @param fd owned from now on */
  constructor(private readonly fd: Fd) {}

  /**
   * The number; callers must not keep it.
   *
   * @throws {OsError} EBADF when closed.
   */
  get number(): number {
    if (this.#closed) throw osError("EBADF", "use", "closed descriptor");
    return this.fd.number;
  }

  /**
   * Waits for events.
   *
   * @param events `POLL*`, or-ed
   * @returns the events, with POLLERR and POLLHUP; 0 at the timeout.
   * @throws {OsError} ECANCELED when closed during the wait, EBADF when before.
   */
  async wait(events: number, timeoutMs: number): Promise<number> {
    const fd = this.number;
    const entries = [
      { fd, events },
      { fd: this.#waker.number, events: POLLIN },
    ];
    this.#waits++;
    try {
      const [ready = 0] = await poll(entries, timeoutMs);
      if (this.#closed) throw osError("ECANCELED", "poll", `descriptor ${fd}`);
      return ready;
    } finally {
      this.#waits--;
      if (this.#closed && this.#waits === 0) this.#closeNow();
    }
  }

  #closeNow(): void {
    this.#waker[Symbol.dispose]();
    this.fd.close();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#waits === 0) this.#closeNow();
    else this.#waker.wake();
  }
}
