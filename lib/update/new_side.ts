/**
 * The new program's part: from its first greeting to a running VM.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { PidFd } from "../../ffi/process.ts";
import {
  type EventWatch,
  type Patience,
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpError,
  type QmpEvent,
} from "../qmp/mod.ts";
import { messageOf, NeedsPersonError, UpdateProblem } from "./error.ts";
import { asObject, text, type VmRecord } from "./facts.ts";
import { failureOf, nextStatus } from "./migration_status.ts";
import { stopProcess } from "./stop_process.ts";

const STEP_TIMEOUT_MS = 10_000;

/** Drives the program that took over, until the VM runs on it. */
export class NewSide implements AsyncDisposable {
  readonly #client: QmpClient;
  readonly #process: PidFd;
  /** Whether the program was told to tell of a migration's events. */
  #hasEvents: boolean;

  private constructor(client: QmpClient, process: PidFd, hasEvents: boolean) {
    this.#client = client;
    this.#process = process;
    this.#hasEvents = hasEvents;
  }

  /**
   * Waits for the new program to answer.
   *
   * @throws {UpdateProblem} when it does not, or another process answers
   */
  static async connect(facts: VmRecord, timeoutMs: number): Promise<NewSide> {
    using stack = new DisposableStack();
    const process = stack.use(PidFd.open(facts.pid));
    const client = await connect(facts, timeoutMs, PidFd.open(facts.pid));
    stack.move();
    return new NewSide(client, process, true);
  }

  /** Drives a program that answers already. */
  static attach(client: QmpClient, pid: number): NewSide {
    return new NewSide(client, PidFd.open(pid), false);
  }

  get client(): QmpClient {
    return this.#client;
  }

  /**
   * Loads the state; the VM stays paused.
   *
   * @throws {UpdateProblem} when the new program refuses it
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
      `The new program cannot load the state: ${await failureOf(this.#client)}`,
    );
  }

  /**
   * Lets the guest run. Whoever catches an error of it may put the VM back,
   * unless it is a NeedsPersonError: QEMU says RESUME before the guest runs,
   * so that a guest whose program never said it has not run.
   *
   * @returns the RESUME event
   * @throws {NeedsPersonError} when the guest has run, and does not any more
   */
  async resume(): Promise<QmpEvent> {
    using watch = this.#client.watch(["RESUME"]);
    let event: QmpEvent;
    try {
      await this.#client.execute("cont");
      event = await watch.next("RESUME", { timeoutMs: STEP_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof QmpCommandError) throw error;
      return await this.#resumedAfterAll(watch, error);
    }
    await this.#requireRunning();
    return event;
  }

  /** The RESUME event of a program that does not answer; or its error. */
  async #resumedAfterAll(watch: EventWatch, cause: unknown): Promise<QmpEvent> {
    const process = this.#process;
    const stopped = await stopProcess(process);
    // Nobody says anything more; what was said is all there is.
    if (stopped) await this.#client.drain();
    else await this.#client.closed;
    const [event] = watch.seen;
    if (event === undefined) throw cause;
    if (!stopped) throw ranAndEnded(process.pid, cause);
    process.sendSignal("SIGCONT");
    return event;
  }

  async #requireRunning(): Promise<void> {
    let status: string | undefined;
    try {
      const reply = asObject(await this.#client.execute("query-status"));
      if (reply["running"] === true) return;
      status = text(reply["status"]);
    } catch (error) {
      if (error instanceof QmpClosedError) {
        throw ranAndEnded(this.#process.pid, error);
      }
      if (error instanceof QmpError) return; // it ran when it was last heard
      throw error;
    }
    throw new NeedsPersonError(
      "stopped-again",
      `The VM ran on process ${this.#process.pid}, and stopped again: "${status}"`,
      { remedy: "Look at the VM before anything else" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _process = this.#process;
    await this.#client.close();
  }
}

function ranAndEnded(pid: number, cause: unknown): NeedsPersonError {
  return new NeedsPersonError(
    "ended-after-resume",
    `The VM ran on process ${pid}, which ended right afterwards: its memory ` +
      "has moved on from the saved state, so that it cannot be put back",
    { remedy: "Find out what ended it, and start the VM again", cause },
  );
}

/** Connects unless the process, whose descriptor it closes, ends first. */
async function connect(
  facts: VmRecord,
  timeoutMs: number,
  process: PidFd,
): Promise<QmpClient> {
  const giveUp = new AbortController();
  const watched = process.exited(timeoutMs).then((exited) => {
    if (exited) giveUp.abort(new Error(`process ${facts.pid} ended`));
  }).catch((error) => {
    // Disposing below ends the wait; nothing else can go wrong with it.
    if (!(error instanceof OsError)) throw error;
  });
  try {
    return await answering(facts, timeoutMs, giveUp.signal);
  } catch (error) {
    if (error instanceof UpdateProblem) throw error;
    throw new UpdateProblem(
      "new-side-silent",
      `The new program does not answer: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    process[Symbol.dispose]();
    await watched;
  }
}

/**
 * A client whose monitor has answered. The first question is there when the
 * program has started: the guest waits for a round trip less.
 */
async function answering(
  facts: VmRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<QmpClient> {
  const deadline = performance.now() + timeoutMs;
  const patience = () => ({ timeoutMs: deadline - performance.now(), signal });
  for (;;) {
    const client = await QmpClient.connectAgain(facts.address, {
      ...patience(),
      early: true,
    });
    try {
      checkPeer(client, facts);
      await enableEvents(client, patience());
      return client;
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
  if (peer?.pid === pid) return;
  throw new UpdateProblem(
    "wrong-peer",
    `Process ${peer?.pid} answers at the monitor of the VM, which is ` +
      `process ${pid}`,
  );
}
