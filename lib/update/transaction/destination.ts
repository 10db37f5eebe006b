/**
 * The part of the program that takes the VM over, be it the new one or, in a
 * rollback, the old one: from its first greeting to a running VM.
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
import { capital, type UpdateError, UpdateProblem } from "../error.ts";
import { failure, shutDown } from "../failure.ts";
import { howItEnded } from "../process/ending.ts";
import { stopProcess } from "../process/stop_process.ts";
import type { VmRecord } from "../vm/facts.ts";
import { activateImages } from "../vm/images.ts";
import { failureOf, nextStatus } from "../vm/migration_status.ts";
import { asObject, text } from "../vm/reply.ts";
import { ShutdownWatch } from "../vm/shutdown.ts";
import { isReachedByGuest, SUSPENDED } from "../vm/run_state.ts";
import {
  END_TIMEOUT_MS,
  LASTING_MS,
  QUESTION_TIMEOUT_MS,
  STEP_TIMEOUT_MS,
} from "../timeouts.ts";

/** Another process than the VM's answers at its monitor. */
export class WrongPeerProblem extends UpdateProblem {
  override readonly name = "WrongPeerProblem";

  constructor(
    /** Who answers; undefined where that is not known. */
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

/** Drives the program that took over, until the VM runs on it. */
export class Destination implements AsyncDisposable {
  readonly #client: QmpClient;
  readonly #process: ProcessHandle;
  readonly #program: string;
  /** From the first moment: somebody else may let the guest run. */
  readonly #resumptions: EventWatch;
  readonly #shutdown: ShutdownWatch;
  /** Whether the program was told to tell of a migration's events. */
  #hasEvents: boolean;
  /** Resolves when nobody waits for the end of the process any more. */
  readonly #watched: Promise<void> | undefined;

  private constructor(
    client: QmpClient,
    process: ProcessHandle,
    program: Program,
    resumptions: EventWatch,
    watched?: Promise<void>,
  ) {
    this.#client = client;
    this.#process = process;
    this.#program = `The ${program} program`;
    this.#resumptions = resumptions;
    this.#shutdown = new ShutdownWatch(client);
    this.#hasEvents = watched !== undefined;
    this.#watched = watched;
  }

  /**
   * Waits for the program to answer.
   *
   * @throws {WrongPeerProblem} when another process answers
   * @throws {UpdateProblem} when nobody does
   */
  static async connect(
    facts: VmRecord,
    program: Program,
    timeoutMs: number,
  ): Promise<Destination> {
    const process = openProcess(facts.pid, program);
    const giveUp = new AbortController();
    const watched = abortAtEnd(process, timeoutMs, giveUp);
    try {
      const [client, resumptions] = await answering(
        facts,
        timeoutMs,
        giveUp.signal,
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

  /** Drives a program that answers already. */
  static attach(
    client: QmpClient,
    process: ProcessHandle,
    program: Program,
  ): Destination {
    const resumptions = client.watch(["RESUME"]);
    return new Destination(client, process, program, resumptions);
  }

  get client(): QmpClient {
    return this.#client;
  }

  /**
   * Loads the state; the VM stays paused.
   *
   * @throws {UpdateProblem} when the program refuses it
   */
  async load(uri: string): Promise<void> {
    using watch = this.#client.watch(["MIGRATION"]);
    if (!this.#hasEvents) await enableEvents(this.#client);
    this.#hasEvents = true;
    await this.#client.execute("migrate-incoming", {
      uri,
      "exit-on-error": false,
    });
    const status = await nextStatus(watch, ["completed", "failed"], {
      timeoutMs: STEP_TIMEOUT_MS,
    });
    if (status === "completed") return;
    throw new UpdateProblem(
      "load-failed",
      `${this.#program} cannot load the state: ${await failureOf(
        this.#client,
      )}`,
    );
  }

  /**
   * Lets the guest run. Whoever catches an error of it may put the VM back,
   * unless it is a NeedsPersonError: QEMU says RESUME before the guest runs,
   * so that a guest whose program never said it has not run. A program that
   * does not answer is stopped, so that it stays so. Whether it lives on is for
   * {@linkcode requireLasting} to find out.
   *
   * @returns the RESUME event, which somebody else may have caused
   * @throws {NeedsPersonError} when the guest has run, and does not any more
   */
  async resume(): Promise<QmpEvent> {
    let event: QmpEvent;
    try {
      await this.#client.execute("cont");
      event = await this.#resumptions.next("RESUME", {
        timeoutMs: STEP_TIMEOUT_MS,
      });
    } catch (error) {
      if (error instanceof QmpCommandError) throw error;
      return await this.#resumedAfterAll(error);
    }
    await this.#requireRunning();
    return event;
  }

  /**
   * Leaves the guest stopped, and its images to nobody else.
   *
   * @returns what keeps the program from its images; undefined when all is well
   * @throws {QmpError} when it does not answer
   */
  async stay({ imagesActive }: VmRecord): Promise<string | undefined> {
    if (imagesActive) return await activateImages(this.#client);
    await this.#client.execute("query-status");
    return undefined;
  }

  /**
   * Looks at the program once more, a moment after it was given the VM: the
   * guest, if it was let run, runs meanwhile.
   *
   * @throws {ShutDownError} when it was told to end
   * @throws {EndedAfterResumeError} when it has ended, and the guest has run
   * @throws {NeedsPersonError} when the guest has run, and does not any more
   * @throws {UpdateProblem} when it has ended, and the guest has not run
   */
  async requireLasting(): Promise<void> {
    if (!await this.#process.exited(LASTING_MS)) {
      if (this.#resumptions.seen.length === 0) return;
      const end = await this.#requireRunning();
      const ended = end instanceof QmpClosedError &&
        await this.#process.exited(END_TIMEOUT_MS);
      if (!ended) return; // it ran when it was last heard
    }
    const { pid } = this.#process;
    await this.#client.drain();
    const { why } = this.#shutdown;
    if (why !== undefined) {
      throw shutDown("moved", pid, why);
    }
    const how = await howItEnded(this.#process);
    if (this.#resumptions.seen.length === 0) {
      throw new UpdateProblem("program-ended", capital(how));
    }
    throw ranAndEnded(how);
  }

  /** Lets a program go on that was stopped because it did not answer. */
  goOn(): void {
    if (!this.#process.hasExited()) this.#process.sendSignal("SIGCONT");
  }

  /** Whether its process has ended. */
  hasEnded(): boolean {
    return this.#process.hasExited();
  }

  /** Whether the guest has run on this program, regardless of who resumed it. */
  async hasRun(): Promise<boolean> {
    if (this.#resumptions.seen.length > 0) return true;
    try {
      const reply = asObject(
        await this.#client.execute("query-status", undefined, {
          timeoutMs: QUESTION_TIMEOUT_MS,
        }),
      );
      return reply["running"] === true || reply["status"] === SUSPENDED;
    } catch (error) {
      if (error instanceof QmpError) return this.#resumptions.seen.length > 0;
      throw error;
    }
  }

  /** The RESUME event of a program that does not answer; or its error. */
  async #resumedAfterAll(cause: unknown): Promise<QmpEvent> {
    const process = this.#process;
    const stopped = await stopProcess(process);
    // Nobody says anything more; what was said is all there is.
    if (stopped) await this.#client.drain();
    else await this.#client.closed;
    const [event] = this.#resumptions.seen;
    if (event === undefined) throw cause;
    if (stopped) process.sendSignal("SIGCONT");
    return event;
  }

  /** @returns why the program did not answer; undefined where it did */
  async #requireRunning(): Promise<QmpError | undefined> {
    let status: string | undefined;
    try {
      const reply = asObject(await this.#client.execute("query-status"));
      if (reply["running"] === true) return undefined;
      status = text(reply["status"]);
      // What it does once it runs is its own: it may sleep as it did before.
      if (isReachedByGuest(status)) return;
    } catch (error) {
      if (error instanceof QmpError) return error;
      throw error;
    }
    throw failure(
      "moved",
      "ran",
      "stopped-again",
      `The VM ran on process ${this.#process.pid}, and stopped again: "${status}"`,
      { remedy: "Look at the VM before anything else" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#resumptions[Symbol.dispose]();
    this.#shutdown[Symbol.dispose]();
    await this.#client.close();
    this.#process[Symbol.dispose]();
    await this.#watched;
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
    }; the guest had just been let run on it, so that its memory and ` +
      "disks have moved on from the saved state and it cannot be put back",
    {
      remedy:
        "Find out what ended the process, then start the VM anew by its " +
        "unit or manager, as after a power failure: on the old program, if " +
        "the new one is at fault",
    },
  );
}

/** Gives up when a process ends before the time is over, or is disposed. */
async function abortAtEnd(
  process: ProcessHandle,
  timeoutMs: number,
  giveUp: AbortController,
): Promise<void> {
  try {
    const ended = await process.exited(timeoutMs);
    if (ended) giveUp.abort(new Error(await howItEnded(process)));
  } catch (error) {
    // Disposing ends the wait; nothing else can go wrong with it.
    if (!(error instanceof OsError)) throw error;
  }
}

/**
 * Connects, and watches for RESUME before the first command. That is sent
 * before the program has greeted: a round trip less of downtime.
 */
async function answering(
  facts: VmRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<[QmpClient, EventWatch]> {
  const deadline = performance.now() + timeoutMs;
  const patience = () => ({ timeoutMs: deadline - performance.now(), signal });
  for (;;) {
    const client = await QmpClient.connectAgain(facts.address, {
      ...patience(),
      early: true,
    });
    const resumptions = client.watch(["RESUME"]);
    try {
      checkPeer(client, facts);
      await enableEvents(client, patience());
      return [client, resumptions];
    } catch (error) {
      await client.close();
      // The old program's last greeting, most likely; or the end of the new.
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
