/**
 * The source: drives the old program from the running VM to the exec.
 *
 * @module
 */

import type { ProcessHandle } from "../../../ffi/process.ts";
import { messageOf, remedyOf } from "../../errors.ts";
import {
  type EventWatch,
  type Executor,
  type QmpClient,
  QmpClosedError,
  QmpCommandError,
  type QmpEvent,
  QmpTimeoutError,
} from "../../qmp/mod.ts";
import { queryStatus, type StatusInfo } from "../../qmp/queries.ts";
import {
  Deadline,
  END_TIMEOUT_MS,
  RESUME_TIMEOUT_MS,
  STEP_TIMEOUT_MS,
} from "../deadline.ts";
import { CANCELLED, ENDED, failure, shutDown, UpdateError } from "../error.ts";
import type { Facts } from "../vm/facts.ts";
import { MigrationSettings } from "../vm/settings.ts";
import {
  failureOf,
  nextStatus,
  type ShutdownWatch,
  statusOf,
} from "../vm/events.ts";
import { closeTerminals } from "../vm/terminals.ts";
import {
  isLive,
  isReachedByGuest,
  requireStillMovable,
  stoppedPhrase,
} from "../vm/run_state.ts";

/** The run state of a VM before it was stopped. */
export type Before = Pick<Facts, "runState" | "running">;

/** What a source needs. */
interface SourceNeeds {
  readonly client: QmpClient;
  readonly facts: Facts;
  readonly process: ProcessHandle;
  readonly deadline: Deadline;
  readonly shutdown: ShutdownWatch;
}

/** Drives the source until it executes the new program. */
export class Source implements Disposable {
  readonly #watch: EventWatch;
  /** The run state right before `migrate`. */
  #before: Before;
  /** The run state of the last reply. */
  #runState: string;
  /** How many events had been seen before `migrate`. */
  #earlier = 0;

  constructor(private readonly needs: SourceNeeds) {
    const { client, facts } = needs;
    this.#before = { runState: facts.runState, running: facts.running };
    this.#runState = facts.runState;
    this.#watch = client.watch(["MIGRATION", "STOP", "RESUME"]);
  }

  /** Sets the migration parameters for cpr-exec. */
  async prepare(command: readonly string[]): Promise<void> {
    await MigrationSettings.forUpdate(command).set(this.needs.client);
  }

  /**
   * The last check of the run state before the guest is stopped.
   *
   * @throws {RefusedError} when the VM cannot be moved in this run state
   */
  async requireMovable(): Promise<void> {
    const { runState } = beforeOf(await queryStatus(this.needs.client));
    requireStillMovable(runState);
  }

  /**
   * Stops the guest and waits for pre-switchover. CPR state can be read when
   * this returns.
   *
   * @throws {RolledBackError} when it failed and the VM is as before
   */
  async migrate(uri: string): Promise<void> {
    this.#earlier = this.#watch.seen.length;
    try {
      // Sent together, so that no other client gets between query and stop.
      const [asked, migrated] = await Promise.allSettled([
        queryStatus(this.needs.client),
        this.needs.client.execute("migrate", { uri }),
      ]);
      if (asked.status === "fulfilled") this.#before = beforeOf(asked.value);
      if (migrated.status === "rejected") throw migrated.reason;
      const status = await nextStatus(
        this.#watch,
        ["pre-switchover", "failed"],
        { timeoutMs: this.needs.deadline.left(STEP_TIMEOUT_MS) },
      );
      if (status === "failed") throw await this.#failed();
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** The run state right before `migrate`. */
  get before(): Before {
    return this.#before;
  }

  /** The STOP event; undefined if the VM was stopped before. */
  get stopEvent(): QmpEvent | undefined {
    return isLive(this.#before) ? this.#seen("STOP") : undefined;
  }

  /** The RESUME event after a cancelled or failed migration. */
  get resumeEvent(): QmpEvent | undefined {
    return this.#seen("RESUME");
  }

  /** Whether the source reported that the migration completed. */
  get completed(): boolean {
    return this.#watch.seen.some((event) => statusOf(event) === "completed");
  }

  /**
   * Cancels the migration before the switchover; the VM resumes.
   *
   * @param cause why the update is cancelled
   * @returns the error with the cause and the state of the VM
   */
  async cancel(cause: unknown): Promise<UpdateError> {
    const reason = messageOf(cause);
    try {
      const limit = new Deadline(RESUME_TIMEOUT_MS);
      await this.#within(limit).execute("migrate_cancel");
      await this.#awaitResumed(limit);
    } catch (error) {
      return await this.#lost(reason, error);
    }
    return failure(
      "stopped",
      "source",
      CANCELLED,
      `${reason}; the VM ${this.#vmState} on the old program`,
      { remedy: remedyOf(cause), cause },
    );
  }

  /**
   * Has the source save the devices and execute the new program. The exec
   * closes the monitor's connection.
   *
   * @param terminals character devices whose pty is closed before the exec
   * @throws {RolledBackError} when the exec failed and the VM is as before
   * @throws {QmpTimeoutError} when neither happens in time
   */
  async switchover(terminals: readonly string[]): Promise<void> {
    try {
      closeTerminals(this.needs.client, terminals);
      await this.needs.client.execute("migrate-continue", {
        state: "pre-switchover",
      });
      await nextStatus(this.#watch, ["failed"], {
        timeoutMs: this.needs.deadline.left(),
      });
    } catch (error) {
      if (error instanceof QmpClosedError) return;
      if (error instanceof QmpTimeoutError) throw error;
      throw await this.#explain(error);
    }
    throw await this.#failed();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  async #failed(): Promise<UpdateError> {
    const limit = new Deadline(RESUME_TIMEOUT_MS);
    const reason = await failureOf(this.#within(limit));
    await this.#awaitResumed(limit);
    return failure(
      "moved",
      "source",
      "migration-failed",
      `The migration failed: ${reason}; the VM ${this.#vmState} on the old ` +
        "program",
      { remedy: "Fix the cause, then run the same command again" },
    );
  }

  /** The error for a failed command, with the state of the VM. */
  async #explain(error: unknown): Promise<UpdateError> {
    if (error instanceof UpdateError) return error;
    const reason = messageOf(error);
    if (error instanceof QmpTimeoutError) return await this.cancel(error);
    if (!(error instanceof QmpCommandError)) {
      return await this.#lost(reason, error);
    }
    try {
      await this.#awaitResumed();
    } catch (later) {
      return await this.#lost(reason, later);
    }
    return failure(
      "stopped",
      "source",
      "migration-refused",
      `${reason}; the VM ${this.#vmState} on the old program`,
      { cause: error },
    );
  }

  /** The error for a source that no longer answers. */
  async #lost(reason: string, cause: unknown): Promise<UpdateError> {
    const { pid } = this.needs.facts;
    if (await this.needs.process.exited(END_TIMEOUT_MS)) {
      const why = await this.needs.shutdown.whyItEnded();
      if (why !== undefined) return shutDown("stopped", pid, why, cause);
      return failure(
        "stopped",
        "nothing",
        ENDED,
        `Process ${pid} ended before it had saved the devices, so the VM is ` +
          `lost: ${reason}`,
        { remedy: "Find out what ended it, and start the VM again", cause },
      );
    }
    return failure(
      "stopped",
      "silent",
      "source-lost",
      `Process ${pid} does not answer: ${reason}`,
      { remedy: "Look at the process before anything else", cause },
    );
  }

  /** The first event of this name since `migrate`. */
  #seen(wanted: string): QmpEvent | undefined {
    return this.#watch.seen.slice(this.#earlier)
      .find(({ name }) => name === wanted);
  }

  /** The verb of a message about the VM. */
  get #vmState(): string {
    return this.#runState === "running"
      ? "runs"
      : stoppedPhrase(this.#runState, this.#before);
  }

  /** Waits until the VM runs, if it ran before or its guest stopped it. */
  async #awaitResumed(
    limit = new Deadline(RESUME_TIMEOUT_MS),
  ): Promise<void> {
    const monitor = this.#within(limit);
    for (;;) {
      const now = beforeOf(await queryStatus(monitor));
      const hasResumed = isLive(now) === isLive(this.#before) ||
        isReachedByGuest(now.runState);
      if (hasResumed && now.runState !== "finish-migrate") {
        this.#runState = now.runState;
        return;
      }
      await this.#watch.next("RESUME", { timeoutMs: limit.left() });
    }
  }

  /** The monitor, when the update itself may have no time left. */
  #within(limit: Deadline): Executor {
    return this.needs.client.within(() => limit.left());
  }
}

function beforeOf({ status, running }: StatusInfo): Before {
  return { runState: status, running };
}
