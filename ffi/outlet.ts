/**
 * Writing without ever waiting for whoever reads.
 *
 * O_NONBLOCK is a flag of the open file, and an inherited one is shared: with a
 * shell, with a logger, with the program that is executed next. None of them
 * expects EAGAIN, so the flag is never set on what was inherited.
 *
 * ```
 *   pipe, FIFO, terminal   opened anew through /proc, not blocking
 *   socket, and what may   poll(2) before every piece; a piece of PIPE_BUF is
 *   not be opened anew       taken whole where there is room at all
 *   file                   does not wait for anybody
 * ```
 *
 * @module
 */

import { duplicate, Fd } from "./fd.ts";
import { fileStatus } from "./file_status.ts";
import { OsError } from "./libc.ts";
import { O_NOCTTY, O_NONBLOCK, O_WRONLY } from "./open_flags.ts";
import { poll, pollNow, POLLOUT } from "./poll.ts";

const PIPE_BUF = 4096;

/** A descriptor that is written to as far as it takes something at once. */
export class Outlet implements Disposable {
  readonly #fd: Fd;
  /** Whether a write might wait, so that it has to be asked before. */
  readonly #mayWait: boolean;

  private constructor(fd: Fd, mayWait: boolean) {
    this.#fd = fd;
    this.#mayWait = mayWait;
  }

  /** Takes over a descriptor that was opened with O_NONBLOCK. */
  static adopt(fd: Fd): Outlet {
    return new Outlet(fd, false);
  }

  /**
   * An outlet of its own to what a descriptor of this process writes to.
   *
   * @throws {OsError} EBADF, or EMFILE when no number is free.
   */
  static over(number: number): Outlet {
    const { isFile, isSocket } = fileStatus(number);
    const own = isFile || isSocket ? undefined : openedAnew(number);
    return own === undefined
      ? new Outlet(duplicate(number), !isFile)
      : new Outlet(own, false);
  }

  /**
   * Writes what is taken at once.
   *
   * @returns how many bytes that were; the rest may be offered again
   * @throws {OsError} EPIPE when nobody reads any more, ENOSPC, EIO.
   */
  write(bytes: Uint8Array): number {
    for (let done = 0; done < bytes.length;) {
      const count = this.#writePiece(bytes.subarray(done, done + PIPE_BUF));
      if (count === 0) return done;
      done += count;
    }
    return bytes.length;
  }

  #writePiece(piece: Uint8Array): number {
    if (this.#mayWait) {
      const [ready] = pollNow([{ fd: this.#fd.number, events: POLLOUT }]);
      if (ready === 0) return 0;
    }
    try {
      return this.#fd.write(piece);
    } catch (error) {
      if (error instanceof OsError && error.code === "EAGAIN") return 0;
      throw error;
    }
  }

  /**
   * Waits until something may be taken, or writing would say why not; the
   * outlet must not be disposed of meanwhile.
   *
   * @returns false when the time is over
   */
  async writable(timeoutMs: number): Promise<boolean> {
    const [ready] = await poll(
      [{ fd: this.#fd.number, events: POLLOUT }],
      timeoutMs,
    );
    return ready !== 0;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** Undefined where that is not allowed, or where nobody reads. */
function openedAnew(number: number): Fd | undefined {
  try {
    return Fd.open(
      `/proc/self/fd/${number}`,
      O_WRONLY | O_NONBLOCK | O_NOCTTY,
    );
  } catch (error) {
    if (error instanceof OsError) return undefined;
    throw error;
  }
}
