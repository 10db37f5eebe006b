/**
 * A child process.
 *
 * @module
 */

import { callRetrying, libc, osError } from "./libc.ts";
import { pollHere, POLLIN } from "./poll.ts";
import { PidFd } from "./process.ts";
import { type SignalName, signalName, SIGNALS } from "./signals.ts";

const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;

/** `siginfo_t`: its size, and the offsets of the fields of waitid(2). */
const SIGINFO = { size: 128, code: 8, pid: 16, status: 24 } as const;
const CLD_EXITED = 1;

/** Time limit for a child to end after SIGKILL. */
const KILL_MS = 5000;

/** How a process ended: one of the two is null. */
export interface ExitStatus {
  /** The argument of exit(3). */
  readonly code: number | null;
  /** The signal that ended it, such as "SIGKILL". */
  readonly signal: string | null;
}

/**
 * A child that is reaped only here.
 *
 * Disposing kills and reaps it, unless it was {@link release | released}.
 */
export class Child implements Disposable {
  readonly pid: number;
  readonly #process: PidFd;
  #status: ExitStatus | undefined;
  #disposed = false;

  /**
   * Takes ownership of a child that has not been reaped.
   *
   * @throws {OsError} EMFILE and others; then the child is killed.
   */
  constructor(pid: number) {
    this.pid = pid;
    try {
      this.#process = PidFd.open(pid);
    } catch (error) {
      libc().kill(pid, SIGNALS.SIGKILL);
      waitid(P_PID, pid, 0);
      throw error;
    }
  }

  /** How the child ended; undefined while it runs. */
  get status(): ExitStatus | undefined {
    return this.#status ??= waitid(P_PIDFD, this.#process.number, WNOHANG);
  }

  /**
   * Waits for the end of the child.
   *
   * @throws {OsError} ETIMEDOUT, or ECANCELED when disposed of during the wait.
   */
  async wait(timeoutMs: number): Promise<ExitStatus> {
    const status = this.status ??
      (await this.#process.exited(timeoutMs) ? this.status : undefined);
    if (status === undefined) {
      throw osError("ETIMEDOUT", "waitid", `process ${this.pid}`);
    }
    return status;
  }

  /**
   * @throws {OsError} ESRCH when the child has ended and was reaped.
   */
  kill(signal: SignalName): void {
    this.#process.sendSignal(signal);
  }

  /** The number of its pidfd, which is readable once the child has ended. */
  get pidFd(): number {
    return this.#process.number;
  }

  /**
   * Kills every process in the group that the child leads. Does nothing once
   * the child was reaped: its number may then be reused.
   */
  killGroup(): void {
    if (this.#disposed || this.#status !== undefined) return;
    libc().kill(-this.pid, SIGNALS.SIGKILL);
  }

  /**
   * Gives up ownership; the child keeps running.
   *
   * @returns its pid.
   */
  release(): number {
    this.#disposed = true;
    this.#process[Symbol.dispose]();
    return this.pid;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    using process = this.#process;
    if (this.status !== undefined) return;
    process.sendSignal("SIGKILL");
    pollHere([{ fd: process.number, events: POLLIN }], KILL_MS);
    // A child that hangs in the kernel is left behind: do not hang, too.
    void this.status;
  }
}

/** Reaps a child; undefined with WNOHANG if it runs. */
function waitid(
  type: number,
  id: number,
  options: number,
): ExitStatus | undefined {
  const info = new Uint8Array(SIGINFO.size);
  callRetrying("waitid", [type, id, info, WEXITED | options]);
  const view = new DataView(info.buffer);
  if (view.getInt32(SIGINFO.pid, true) === 0) return undefined;
  const status = view.getInt32(SIGINFO.status, true);
  return view.getInt32(SIGINFO.code, true) === CLD_EXITED
    ? { code: status, signal: null }
    : { code: null, signal: signalName(status) };
}
