/**
 * Writes to an inherited descriptor without ever waiting for its reader.
 *
 * O_NONBLOCK is a flag of the open file description, which may be shared with a
 * shell, a logger, or the program that is executed next. None of them expects
 * EAGAIN, so the flag is never set on an inherited descriptor.
 *
 * ```
 *   pipe, FIFO, terminal    opened again through /proc, with O_NONBLOCK
 *   socket, and those that  poll(2) before each piece; if there is any room, a
 *   cannot be opened again    piece of PIPE_BUF is written completely
 *   file                    never waits
 * ```
 *
 * @module
 */

import { duplicate, Fd } from "./fd.ts";
import { fileStatus } from "./file_status.ts";
import { ifPossible } from "./libc.ts";
import { O_NOCTTY, O_NONBLOCK, O_WRONLY } from "./open_flags.ts";
import { poll, pollNow, POLLOUT } from "./poll.ts";

const PIPE_BUF = 4096;

/** Writes to a descriptor only as much as is possible without waiting. */
export class NonblockingWriter implements Disposable {
  private constructor(
    private readonly fd: Fd,
    /** Whether a write could wait, so that poll(2) is needed before. */
    private readonly mayWait: boolean,
  ) {}

  /** Takes ownership of a descriptor that was opened with O_NONBLOCK. */
  static adopt(fd: Fd): NonblockingWriter {
    return new NonblockingWriter(fd, false);
  }

  /**
   * A writer to the file of an open descriptor.
   *
   * @throws {OsError} EBADF, or EMFILE when no number is free.
   */
  static over(number: number): NonblockingWriter {
    const { isFile, isSocket } = fileStatus(number);
    const own = isFile || isSocket ? undefined : openAgain(number);
    return own === undefined
      ? new NonblockingWriter(duplicate(number), !isFile)
      : new NonblockingWriter(own, false);
  }

  /**
   * Writes as much as is possible without waiting.
   *
   * @returns the number of bytes that were written
   * @throws {OsError} EPIPE when there is no reader, ENOSPC, EIO.
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
    if (this.mayWait) {
      const [ready] = pollNow([{ fd: this.fd.number, events: POLLOUT }]);
      if (ready === 0) return 0;
    }
    return ifPossible(() => this.fd.write(piece), "EAGAIN") ?? 0;
  }

  /**
   * Waits until a write can succeed, or fails with an error. The writer must
   * not be disposed of during the wait.
   *
   * @returns false at the timeout
   */
  async writable(timeoutMs: number): Promise<boolean> {
    const entry = { fd: this.fd.number, events: POLLOUT };
    const [ready] = await poll([entry], timeoutMs);
    return ready !== 0;
  }

  [Symbol.dispose](): void {
    this.fd.close();
  }
}

/** Undefined if that is not allowed, or there is no reader. */
function openAgain(number: number): Fd | undefined {
  const flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
  return ifPossible(() => Fd.open(`/proc/self/fd/${number}`, flags));
}
