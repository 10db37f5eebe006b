/**
 * Processes, this one and others.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";
import { POLLIN, pollNow } from "./poll.ts";
import { type SignalName, SIGNALS } from "./signals.ts";
import { WaitableFd } from "./waitable_fd.ts";

export function geteuid(): number {
  return libc().geteuid();
}

/**
 * A process, held by a descriptor: unlike its pid it never comes to mean
 * another process.
 */
export class PidFd implements Disposable {
  readonly #fd: WaitableFd;

  private constructor(
    /** As it was when opened. */
    readonly pid: number,
    number: number,
  ) {
    this.#fd = new WaitableFd(Fd.adopt(number));
  }

  /**
   * @throws {OsError} ESRCH, EINVAL for the id of a thread that is no process.
   */
  static open(pid: number): PidFd {
    const number = libc().pidfd_open(SYS_PIDFD_OPEN, BigInt(pid), 0n);
    return new PidFd(pid, check(number, "pidfd_open", `process ${pid}`));
  }

  /** Takes over a descriptor of a process. */
  static adopt(pid: number, number: number): PidFd {
    return new PidFd(pid, number);
  }

  /** The number of the descriptor itself. */
  get number(): number {
    return this.#fd.number;
  }

  /**
   * Duplicates a descriptor out of the process into this one, close-on-exec.
   * The file lives on when the process ends.
   *
   * @throws {OsError} EBADF when the process has none of that number, ESRCH when
   * it has ended, EPERM without the right to trace it.
   */
  getFd(targetFd: number): Fd {
    const number = libc().pidfd_getfd(
      SYS_PIDFD_GETFD,
      BigInt(this.number),
      BigInt(targetFd),
      0n,
    );
    return Fd.adopt(check(
      number,
      "pidfd_getfd",
      `descriptor ${targetFd} of process ${this.pid}`,
    ));
  }

  /**
   * @throws {OsError} ESRCH when the process has ended and was waited for, EPERM.
   */
  sendSignal(signal: SignalName): void {
    const result = libc().pidfd_send_signal(
      SYS_PIDFD_SEND_SIGNAL,
      BigInt(this.number),
      BigInt(SIGNALS[signal]),
      0n,
      0n,
    );
    check(result, "pidfd_send_signal", `${signal} to process ${this.pid}`);
  }

  /** Whether the process has ended; it may still wait to be waited for. */
  hasExited(): boolean {
    return pollNow([{ fd: this.number, events: POLLIN }])[0] !== 0;
  }

  /**
   * Waits for the end of the process.
   *
   * @returns false when the time is over first.
   * @throws {OsError} ECANCELED when disposed meanwhile.
   */
  async exited(timeoutMs: number): Promise<boolean> {
    return await this.#fd.wait(POLLIN, timeoutMs) !== 0;
  }

  /**
   * What the process ended with, as wait(2) tells it, once its parent has waited
   * for it; undefined before, and where the system does not tell (Linux 6.15).
   */
  exitStatus(): number | undefined {
    const info = new DataView(new ArrayBuffer(PIDFD_INFO_SIZE));
    info.setBigUint64(0, PIDFD_INFO_EXIT, true);
    const bytes = new Uint8Array(info.buffer);
    if (libc().ioctl(this.number, PIDFD_GET_INFO, bytes) < 0) return undefined;
    const isThere = (info.getBigUint64(0, true) & PIDFD_INFO_EXIT) !== 0n;
    return isThere ? info.getInt32(EXIT_STATUS_AT, true) : undefined;
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** `struct pidfd_info`: a mask of what is asked and told, ids, the status. */
const PIDFD_INFO_SIZE = 64;
const PIDFD_INFO_EXIT = 8n;
const EXIT_STATUS_AT = 60;
const PIDFD_GET_INFO = 0xc040ff0bn;

const SYS_PIDFD_SEND_SIGNAL = 424n;
const SYS_PIDFD_OPEN = 434n;
const SYS_PIDFD_GETFD = 438n;

/** The same as its users see it, so that another may stand in for it. */
export type ProcessHandle = Pick<PidFd, keyof PidFd>;
