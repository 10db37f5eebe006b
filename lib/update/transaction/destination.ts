/**
 * The program that takes over the VM, from its greeting to the running guest:
 * the new one, or in a rollback the old one.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { PidFd, type ProcessHandle } from "../../../ffi/process.ts";
import { ifThereSync } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import {
  type EventWatch,
  type Patience,
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpError,
  type QmpEvent,
} from "../../qmp/mod.ts";
import { queryStatus } from "../../qmp/queries.ts";
import {
  capital,
  failure,
  shutDown,
  type UpdateError,
  UpdateProblem,
} from "../error.ts";
import { howItEnded, stopProcess } from "../process/ending.ts";
import type { VmRecord } from "../vm/facts.ts";
import { activateImages } from "../vm/images.ts";
import { failureOf, nextStatus, ShutdownWatch } from "../vm/events.ts";
import { isReachedByGuest, SUSPENDED } from "../vm/run_state.ts";
import {
  END_TIMEOUT_MS,
  QUERY_TIMEOUT_MS,
  STABLE_MS,
  STEP_TIMEOUT_MS,
} from "../deadline.ts";

/** Another process than the VM's answers at the monitor. */
export class WrongPeerProblem extends UpdateProblem {
  override readonly name = "WrongPeerProblem";

  constructor(
    /** The process that answers; undefined if not known. */
    readonly pid: number | undefined,
    vmPid: number,
  ) {
    super(
      "wrong-peer",
      `Process ${pid} answers at the monitor of the VM, which is process ${vmPid}`,
    );
  }
}

/** Which program takes over. */
export type Program = "new" | "old";

/** Drives the destination until the VM runs on it. */
export class Destination implements AsyncDisposable {
  readonly #shutdown: ShutdownWatch;
  /** Whether the capability "events" is enabled. */
  #hasEvents: boolean;

  private constructor(
    readonly client: QmpClient,
    private readonly process: ProcessHandle,
    private readonly program: Program,
    /** Watched from the start: another client may resume the guest. */
    private readonly resumptions: EventWatch,
    /** Resolves when the wait for the end of the process is over. */
    private readonly watched?: Promise<void>,
  ) {
    this.#shutdown = new ShutdownWatch(client);
    this.#hasEvents = watched !== undefined;
  }

  /**
   * Waits for the program to answer.
   *
   * @param timeoutMs until it does
   * @param budget milliseconds left for each command after that
   * @throws {WrongPeerProblem} when another process answers
   * @throws {UpdateProblem} when none does
   */
  static async connect(
    facts: VmRecord,
    program: Program,
    timeoutMs: number,
    budget?: () => number,
  ): Promise<Destination> {
    const process = openProcess(facts.pid, program);
    const giveUp = new AbortController();
    const watched = abortAtEnd(process, timeoutMs, giveUp);
    try {
      const [client, resumptions] = await connectAndWatch(
        facts,
        timeoutMs,
        giveUp.signal,
        budget,
      );
      return new Destination(client, process, program, resumptions, watched);
    } catch (error) {
      process[Symbol.dispose]();
      await watched;
      if (error instanceof UpdateProblem) throw error;
      throw new UpdateProblem(
        `${program}-program-silent`,
        `The ${program} program does not answer: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Wraps a program whose monitor is connected already. */
  static attach(
    client: QmpClient,
    process: ProcessHandle,
    program: Program,
  ): Destination {
    const resumptions = client.watch(["RESUME"]);
    return new Destination(client, process, program, resumptions);
  }

  /**
   * Loads the state; the VM stays paused.
   *
   * @throws {UpdateProblem} when the program refuses it
   */
  async load(uri: string, timeoutMs = STEP_TIMEOUT_MS): Promise<void> {
    await (await this.startLoad(uri, timeoutMs)).loaded;
  }

  /**
   * Starts to load the state: the program listens at `uri` when this returns.
   *
   * @param timeoutMs until all of it is loaded
   * @returns a promise that fails when the program refuses the state
   */
  async startLoad(
    uri: string,
    timeoutMs: number,
  ): Promise<{ readonly loaded: Promise<void> }> {
    const watch = this.client.watch(["MIGRATION"]);
    try {
      if (!this.#hasEvents) await enableEvents(this.client);
      this.#hasEvents = true;
      await this.client.execute("migrate-incoming", {
        uri,
        "exit-on-error": false,
      });
    } catch (error) {
      watch[Symbol.dispose]();
      throw error;
    }
    return { loaded: this.#requireLoaded(watch, timeoutMs) };
  }

  async #requireLoaded(events: EventWatch, timeoutMs: number): Promise<void> {
    using watch = events;
    const status = await nextStatus(watch, ["completed", "failed"], {
      timeoutMs,
    });
    if (status === "completed") return;
    throw new UpdateProblem(
      "load-failed",
      `The ${this.program} program cannot load the state: ` +
        await failureOf(this.client),
    );
  }

  /**
   * Resumes the guest. After an error the VM may be rolled back, unless it is a
   * NeedsPersonError: QEMU sends RESUME before the guest runs, so without that
   * event the guest has not run. A program that does not answer is stopped
   * (SIGSTOP), so that it cannot resume the guest later. Whether the program
   * survives is for {@linkcode requireStable} to find out.
   *
   * @returns the RESUME event; another client may have caused it
   * @throws {NeedsPersonError} when the guest has run, and is stopped again
   */
  async resume(): Promise<QmpEvent> {
    let event: QmpEvent;
    try {
      await this.client.execute("cont");
      event = await this.resumptions.next("RESUME", {
        timeoutMs: STEP_TIMEOUT_MS,
      });
    } catch (error) {
      if (error instanceof QmpCommandError) throw error;
      return await this.#resumeSeen(error);
    }
    await this.#requireRunning();
    return event;
  }

  /**
   * Keeps the guest stopped, and locks its images if they were locked before.
   *
   * @returns why the images could not be locked; undefined on success
   * @throws {QmpError} when the program does not answer
   */
  async keepStopped({ imagesActive }: VmRecord): Promise<string | undefined> {
    if (imagesActive) return await activateImages(this.client);
    await this.client.execute("query-status");
    return undefined;
  }

  /**
   * Makes sure that the program still has the VM a moment later. The guest, if
   * it was resumed, runs during this time.
   *
   * @throws {ShutDownError} when it was told to quit
   * @throws {EndedAfterResumeError} when it has ended, and the guest has run
   * @throws {NeedsPersonError} when the guest has run, and is stopped again
   * @throws {UpdateProblem} when it has ended, and the guest has not run
   */
  async requireStable(): Promise<void> {
    if (!await this.process.exited(STABLE_MS)) {
      if (this.resumptions.seen.length === 0) return;
      const error = await this.#requireRunning();
      const ended = error instanceof QmpClosedError &&
        await this.process.exited(END_TIMEOUT_MS);
      if (!ended) return; // it ran at its last reply
    }
    const { pid } = this.process;
    const why = await this.#shutdown.whyItEnded();
    if (why !== undefined) throw shutDown("moved", pid, why);
    const how = await howItEnded(this.process);
    if (this.resumptions.seen.length === 0) {
      throw new UpdateProblem("program-ended", capital(how));
    }
    throw ranAndEnded(how);
  }

  /** Continues a program that was stopped. */
  continueProcess(): void {
    if (!this.process.hasExited()) this.process.sendSignal("SIGCONT");
  }

  /** Whether the program's process has ended. */
  hasEnded(): boolean {
    return this.process.hasExited();
  }

  /**
   * Stops the program (SIGSTOP), so that what it has done is all that it does;
   * one that hangs in the kernel does nothing either. Ends the connection.
   *
   * @returns whether the guest has run here, whichever client resumed it; and
   * whether it cannot any more
   */
  async freeze(): Promise<{ hasRun: boolean; isStopped: boolean }> {
    let isStopped = true;
    try {
      await stopProcess(this.process);
      await this.client.drain();
    } catch (error) {
      if (!(error instanceof UpdateProblem)) throw error;
      isStopped = false;
    }
    return { hasRun: this.resumptions.seen.length > 0, isStopped };
  }

  /** Whether the guest has run here, whichever client resumed it. */
  async hasRun(): Promise<boolean> {
    if (this.resumptions.seen.length > 0) return true;
    try {
      const { running, status } = await queryStatus(this.client, {
        timeoutMs: QUERY_TIMEOUT_MS,
      });
      return running || status === SUSPENDED;
    } catch (error) {
      if (error instanceof QmpError) return this.resumptions.seen.length > 0;
      throw error;
    }
  }

  /** The RESUME event that came before the failure, or throws its error. */
  async #resumeSeen(cause: unknown): Promise<QmpEvent> {
    const process = this.process;
    const stopped = await stopProcess(process);
    // Once the process is stopped, all its events are in the socket.
    if (stopped) await this.client.drain();
    else await this.client.closed;
    const [event] = this.resumptions.seen;
    if (event === undefined) throw cause;
    if (stopped) process.sendSignal("SIGCONT");
    return event;
  }

  /** @returns why the program did not answer; undefined if it did */
  async #requireRunning(): Promise<QmpError | undefined> {
    let status: string;
    try {
      const now = await queryStatus(this.client);
      if (now.running) return undefined;
      ({ status } = now);
      // The guest brought itself there, for example to sleep.
      if (isReachedByGuest(status)) return;
    } catch (error) {
      if (error instanceof QmpError) return error;
      throw error;
    }
    throw failure(
      "moved",
      "ran",
      "stopped-again",
      `The VM ran on process ${this.process.pid}, and stopped again: "${status}"`,
      { remedy: "Look at the VM before anything else" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resumptions[Symbol.dispose]();
    this.#shutdown[Symbol.dispose]();
    await this.client.close();
    this.process[Symbol.dispose]();
    await this.watched;
  }
}

/** @param how "process 12 ended", and why */
function ranAndEnded(how: string): UpdateError {
  return failure(
    "moved",
    "ended",
    "ended-after-resume",
    `${
      capital(how)
    }; the guest had just been resumed on it, so its memory and disks are ` +
      "newer than the saved state, and it cannot be rolled back",
    {
      remedy:
        "Find out what ended the process, then start the VM again by its " +
        "unit or manager, as after a power failure: on the old program, if " +
        "the new one is at fault",
    },
  );
}

/** Aborts if the process ends in time; returns when it is disposed of. */
async function abortAtEnd(
  process: ProcessHandle,
  timeoutMs: number,
  giveUp: AbortController,
): Promise<void> {
  try {
    const ended = await process.exited(timeoutMs);
    if (ended) giveUp.abort(new Error(await howItEnded(process)));
  } catch (error) {
    // The pidfd was disposed of, which ends the wait.
    if (!(error instanceof OsError)) throw error;
  }
}

/**
 * Connects, and watches for RESUME before the first command. That one is sent
 * before the greeting has come: a round trip less of downtime.
 */
async function connectAndWatch(
  facts: VmRecord,
  timeoutMs: number,
  signal: AbortSignal,
  budget?: () => number,
): Promise<[QmpClient, EventWatch]> {
  const deadline = performance.now() + timeoutMs;
  const patience = () => ({ timeoutMs: deadline - performance.now(), signal });
  for (;;) {
    const client = await QmpClient.connectAgain(facts.address, {
      ...patience(),
      budget,
      early: true,
    });
    const resumptions = client.watch(["RESUME"]);
    try {
      checkPeer(client, facts);
      await enableEvents(client, patience());
      return [client, resumptions];
    } catch (error) {
      await client.close();
      // Most likely still the old program, just before its exec.
      if (!(error instanceof QmpClosedError)) throw error;
    }
  }
}

async function enableEvents(
  client: QmpClient,
  patience: Partial<Patience> = {},
): Promise<void> {
  await client.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "events", state: true }],
  }, patience);
}

function checkPeer({ peer }: QmpClient, { pid }: VmRecord): void {
  if (peer?.pid !== pid) throw new WrongPeerProblem(peer?.pid, pid);
}

/** @throws {UpdateProblem} when the process ended already */
function openProcess(pid: number, program: Program): PidFd {
  const process = ifThereSync(() => PidFd.open(pid));
  if (process !== undefined) return process;
  throw new UpdateProblem(
    `${program}-program-silent`,
    `The ${program} program does not answer: process ${pid} ended`,
  );
}
