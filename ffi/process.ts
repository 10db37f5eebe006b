/**
 * Processes and their pidfds.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { call, libc } from "./libc.ts";
import { POLLIN, pollNow } from "./poll.ts";
import { type SignalName, signalNumber } from "./signals.ts";
import { WaitableFd } from "./waitable_fd.ts";

export function geteuid(): number {
  return libc().geteuid();
}

/** A process by its pidfd: unlike a pid, it is never reused for another one. */
export class PidFd implements Disposable {
  readonly #fd: WaitableFd;

  /** @param number of a pidfd, owned from now on */
  constructor(
    /** At the time of opening. */
    readonly pid: number,
    number: number,
  ) {
    this.#fd = new WaitableFd(Fd.adopt(number));
  }

  /**
   * @throws {OsError} ESRCH, EINVAL for the id of another thread than the
   * first.
   */
  static open(pid: number): PidFd {
    return new PidFd(pid, call("pidfd_open", [pid, 0], `process ${pid}`));
  }

  /** The number of the descriptor itself. */
  get number(): number {
    return this.#fd.number;
  }

  /**
   * Duplicates a descriptor of the process into this one, close-on-exec.
   *
   * @throws {OsError} EBADF when the process has no such descriptor, ESRCH when
   * it has ended, EPERM without the right to trace it.
   */
  getFd(targetFd: number): Fd {
    const subject = `descriptor ${targetFd} of process ${this.pid}`;
    return Fd.adopt(call("pidfd_getfd", [this.number, targetFd, 0], subject));
  }

  /**
   * @throws {OsError} ESRCH when the process has ended and was reaped, EPERM.
   */
  sendSignal(signal: SignalName): void {
    const subject = `${signal} to process ${this.pid}`;
    const args = [this.number, signalNumber(signal), null, 0] as const;
    call("pidfd_send_signal", args, subject);
  }

  /** Whether the process has ended; it may still be a zombie. */
  hasExited(): boolean {
    return pollNow([{ fd: this.number, events: POLLIN }])[0] !== 0;
  }

  /**
   * Waits for the end of the process.
   *
   * @returns false at the timeout.
   * @throws {OsError} ECANCELED when disposed of during the wait.
   */
  async exited(timeoutMs: number): Promise<boolean> {
    return await this.#fd.wait(POLLIN, timeoutMs) !== 0;
  }

  /**
   * The status of wait(2), once the parent has reaped the process; undefined
   * before that, and before Linux 6.15.
   */
  exitStatus(): number | undefined {
    const info = new DataView(new ArrayBuffer(PIDFD_INFO_SIZE));
    info.setBigUint64(0, PIDFD_INFO_EXIT, true);
    if (libc().ioctl(this.number, PIDFD_GET_INFO, info) < 0) return undefined;
    const isThere = (info.getBigUint64(0, true) & PIDFD_INFO_EXIT) !== 0n;
    return isThere ? info.getInt32(EXIT_STATUS_AT, true) : undefined;
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/**
 * `struct pidfd_info`: a mask of requested and returned fields, ids, status.
 */
const PIDFD_INFO_SIZE = 64;
const PIDFD_INFO_EXIT = 8n;
const EXIT_STATUS_AT = 60;
const PIDFD_GET_INFO = 0xc040ff0bn;

/** Its public members, so that tests can replace it. */
export type ProcessHandle = Pick<PidFd, keyof PidFd>;
