/**
 * The new program's part: from its first greeting to a running VM.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { PidFd } from "../../ffi/process.ts";
import { QmpClient, type QmpEvent } from "../qmp/mod.ts";
import { messageOf, UpdateProblem } from "./error.ts";
import { asObject, type VmRecord } from "./facts.ts";
import { failureOf, nextStatus } from "./migration_status.ts";

const STEP_TIMEOUT_MS = 10_000;

/** Drives the program that took over, until the VM runs on it. */
export class NewSide implements AsyncDisposable {
  readonly #client: QmpClient;

  private constructor(client: QmpClient) {
    this.#client = client;
  }

  /**
   * Waits for the new program to answer.
   *
   * @throws {UpdateProblem} when it does not, or another process answers
   */
  static async connect(facts: VmRecord, timeoutMs: number): Promise<NewSide> {
    const client = await connect(facts, timeoutMs, PidFd.open(facts.pid));
    if (client.peer?.pid !== facts.pid) {
      await client.close();
      throw new UpdateProblem(
        "wrong-peer",
        `Process ${client.peer?.pid} answers at the monitor of the VM, ` +
          `which is process ${facts.pid}`,
      );
    }
    return new NewSide(client);
  }

  /** Drives a program that answers already. */
  static attach(client: QmpClient): NewSide {
    return new NewSide(client);
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
    await this.#client.execute("migrate-set-capabilities", {
      capabilities: [{ capability: "events", state: true }],
    });
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
   * Lets the guest run.
   *
   * @returns the RESUME event
   */
  async resume(): Promise<QmpEvent> {
    using watch = this.#client.watch(["RESUME"]);
    await this.#client.execute("cont");
    const event = await watch.next("RESUME", { timeoutMs: STEP_TIMEOUT_MS });
    const status = asObject(await this.#client.execute("query-status"));
    if (status["running"] !== true) {
      throw new UpdateProblem(
        "not-running",
        `The VM does not run on the new program: ${status["status"]}`,
      );
    }
    return event;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
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
    return await QmpClient.connectAgain(facts.address, {
      timeoutMs,
      signal: giveUp.signal,
    });
  } catch (error) {
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
