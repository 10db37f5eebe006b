import type { Fd } from "./fd.ts";
import { ifPossible } from "./libc.ts";
import { POLLIN, POLLOUT } from "./poll.ts";
import { WaitableFd } from "./waitable_fd.ts";

/** A pipe or a socket as a byte stream. Closing it ends every wait. */
export class DescriptorStream {
  readonly #waits: WaitableFd;

  /** @param fd owned from now on; its open file becomes non-blocking */
  constructor(private readonly fd: Fd) {
    fd.setNonblocking(true);
    this.#waits = new WaitableFd(fd);
  }

  /**
   * Reads what is available, at least a byte.
   *
   * @returns null at the end
   * @throws {OsError} ECONNRESET, ECANCELED when closed during the wait.
   */
  async read(into: Uint8Array): Promise<number | null> {
    const count = await this.#whenReady(POLLIN, () => this.fd.read(into));
    return count === 0 ? null : count;
  }

  /**
   * Writes as much as there is room for, at least a byte.
   *
   * @throws {OsError} EPIPE, ECONNRESET, ECANCELED when closed during the wait.
   */
  write(from: Uint8Array): Promise<number> {
    return this.#whenReady(POLLOUT, () => this.fd.write(from));
  }

  async #whenReady(events: number, action: () => number): Promise<number> {
    for (;;) {
      const count = ifPossible(action, "EAGAIN");
      if (count !== undefined) return count;
      await this.#waits.wait(events, Infinity);
    }
  }

  close(): void {
    this.#waits[Symbol.dispose]();
  }
}
