/**
 * A child of this process.
 *
 * @module
 */

import { checkRetrying, libc, osError } from "./libc.ts";
import { pollHere, POLLIN } from "./poll.ts";
import { PidFd } from "./process.ts";
import { type SignalName, signalName, SIGNALS } from "./signals.ts";

const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;

/** `siginfo_t`, and where in it waitid(2) answers. */
const SIGINFO = { size: 128, code: 8, pid: 16, status: 24 } as const;
const CLD_EXITED = 1;

/** How long a child may take to die of SIGKILL. */
const KILL_MS = 5000;

/** How a process ended: one of the two is null. */
export interface ExitStatus {
  /** What it passed to exit(3). */
  readonly code: number | null;
  /** The signal that ended it, "SIGKILL". */
  readonly signal: string | null;
}

/**
 * A child, which nobody else waits for.
 *
 * Disposing ends it: a child that still runs is killed and waited for. One that
 * shall live on is {@link release | released} before.
 */
export class Child implements Disposable {
  readonly pid: number;
  readonly #process: PidFd;
  #status: ExitStatus | undefined;
  #disposed = false;

  /**
   * Takes over a child of this process that nobody has waited for.
   *
   * @throws {OsError} EMFILE and the like; the child is killed then.
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

  /** How the child ended; undefined as long as it runs. */
  get status(): ExitStatus | undefined {
    return this.#status ??= waitid(P_PIDFD, this.#process.number, WNOHANG);
  }

  /**
   * Waits for the end of the child.
   *
   * @throws {OsError} ETIMEDOUT, or ECANCELED when disposed meanwhile.
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
   * @throws {OsError} ESRCH when the child has ended and was waited for.
   */
  kill(signal: SignalName): void {
    this.#process.sendSignal(signal);
  }

  /** The number of its pidfd, readable once it has ended. */
  get pidFd(): number {
    return this.#process.number;
  }

  /**
   * Kills the child and every process of its group, which it must lead. The
   * group keeps its number from others only until the child is waited for:
   * nothing is done after that.
   */
  killGroup(): void {
    if (this.#disposed || this.#status !== undefined) return;
    libc().kill(-this.pid, SIGNALS.SIGKILL);
  }

  /**
   * Lets the child live on without us.
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
    // One that hangs in the kernel stays a zombie of ours: no reason to hang.
    void this.status;
  }
}

/** Waits for a child; undefined when WNOHANG is given and it runs. */
function waitid(
  type: number,
  id: number,
  options: number,
): ExitStatus | undefined {
  const info = new Uint8Array(SIGINFO.size);
  checkRetrying(
    () => libc().waitid(type, id, info, WEXITED | options),
    "waitid",
  );
  const view = new DataView(info.buffer);
  if (view.getInt32(SIGINFO.pid, true) === 0) return undefined;
  const status = view.getInt32(SIGINFO.status, true);
  return view.getInt32(SIGINFO.code, true) === CLD_EXITED
    ? { code: status, signal: null }
    : { code: null, signal: signalName(status) };
}
