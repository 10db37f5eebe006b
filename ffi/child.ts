/**
 * A child process.
 *
 * @module
 */

import { cpuTimeIn, usageBuffer } from "./cpu_time.ts";
import { callRetrying, libc, osError } from "./libc.ts";
import { pollHere, POLLIN } from "./poll.ts";
import { PidFd } from "./process.ts";
import { type SignalName, signalName, signalNumber } from "./signals.ts";

const WNOHANG = 1;

/** In a wait status. */
const SIGNAL_BITS = 0x7f;
const CODE_SHIFT = 8;

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
  readonly #process: PidFd;
  readonly #usage = usageBuffer();
  #status: ExitStatus | undefined;
  #disposed = false;

  /**
   * Takes ownership of a child that has not been reaped.
   *
   * @throws {OsError} EMFILE and others; then the child is killed.
   */
  constructor(readonly pid: number) {
    try {
      this.#process = PidFd.open(pid);
    } catch (error) {
      libc().kill(pid, signalNumber("SIGKILL"));
      reap(pid, 0, this.#usage);
      throw error;
    }
  }

  /** How the child ended; undefined while it runs. */
  get status(): ExitStatus | undefined {
    return this.#status ??= reap(this.pid, WNOHANG, this.#usage);
  }

  /** The CPU time of all its threads, in milliseconds; 0 while it runs. */
  get cpuTime(): number {
    return cpuTimeIn(this.#usage);
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
      throw osError("ETIMEDOUT", "wait4", `process ${this.pid}`);
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
    libc().kill(-this.pid, signalNumber("SIGKILL"));
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

/**
 * Reaps a child: until then its number is not reused.
 *
 * @param usage receives its `struct rusage`
 * @returns undefined with WNOHANG if it runs
 */
function reap(
  pid: number,
  options: number,
  usage: BigInt64Array<ArrayBuffer>,
): ExitStatus | undefined {
  const word = new Int32Array(1);
  if (callRetrying("wait4", [pid, word, options, usage]) === 0) {
    return undefined;
  }
  const [status = 0] = word;
  const signal = status & SIGNAL_BITS;
  return signal === 0
    ? { code: status >> CODE_SHIFT, signal: null }
    : { code: null, signal: signalName(signal) };
}
