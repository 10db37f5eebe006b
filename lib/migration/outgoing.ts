/**
 * The source: from `migrate` to the exec, or back to a running VM. Every step
 * is a task of the main loop.
 *
 * ```
 * migrate ─▶ checks ─▶ open file ─▶ setup ─▶ notify ─▶ stop VM ─▶ (reply)
 *   active ─▶ header, configuration, RAM ─▶ [pre-switchover ⏸ continue]
 *   device ─▶ device sections, EOF, vmdesc ─▶ close ─▶ completed ─▶ notify
 *   cpr-exec: execvp ─▶ the new program
 *                    ─▶ on failure: failed ─▶ notify ─▶ VM as before, but
 *                       one that was paused is postmigrate, as in QEMU
 * ```
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { asError } from "../errors.ts";
import {
  fileAddress,
  type MigrationAddress,
  OutgoingFile,
} from "../channel/mod.ts";
import type { MigrationBlockers } from "./blockers.ts";
import type { MigrationCapabilities } from "./capabilities.ts";
import type { CprExec } from "./cpr_exec.ts";
import { MigrationError } from "./error.ts";
import type { MigrationHost } from "./host.ts";
import type { MigrationNotifiers } from "./notifiers.ts";
import type { MigrationMode, MigrationParameters } from "./parameters.ts";
import type { RunState } from "./run_state.ts";
import { isUnderWay, Migration } from "./status.ts";
import { OutgoingStream } from "./outgoing_stream.ts";

/** The parts of a machine that its migrations use. */
export interface MigrationSetup {
  readonly host: MigrationHost;
  readonly parameters: MigrationParameters;
  readonly capabilities: MigrationCapabilities;
  readonly notifiers: MigrationNotifiers;
  readonly blockers: MigrationBlockers;
  readonly cprExec: CprExec;
}

/** One migration. */
interface Attempt {
  readonly mode: MigrationMode;
  readonly runStateBefore: RunState;
  readonly file: OutgoingFile;
  readonly stream: OutgoingStream;
  stopped: boolean;
}

/** The outgoing migrations of a machine, one at a time. */
export class OutgoingMigration extends Migration {
  #attempt: Attempt | undefined;
  #settled = Promise.withResolvers<void>();

  constructor(private readonly setup: MigrationSetup) {
    super(setup.host);
  }

  /** True from `migrate` until the migration has ended. */
  get underWay(): boolean {
    return this.#attempt !== undefined;
  }

  /** Resolves at the end of the migration, or in pre-switchover. */
  settled(): Promise<void> {
    if (!this.underWay || this.status === "pre-switchover") {
      return Promise.resolve();
    }
    return this.#settled.promise;
  }

  /**
   * Begins a migration. In the CPR modes the VM is stopped when this returns;
   * the main loop does the rest.
   *
   * @throws {MigrationError} when it cannot begin; the VM is unchanged
   * @throws {ChannelError} when the target is no file, or cannot be opened
   */
  start(address: MigrationAddress): void {
    const { host, parameters, notifiers } = this.setup;
    const mode = parameters.mode;
    this.#refuseUnlessPossible(mode, address);
    this.become("setup");
    const file = this.#open(address);
    const attempt: Attempt = {
      mode,
      runStateBefore: host.runState,
      file,
      stream: new OutgoingStream(host, file, this.setup.capabilities),
      stopped: false,
    };
    this.#attempt = attempt;
    try {
      notifiers.notify(mode, { type: "setup" });
      attempt.stopped = true;
      host.stop("finish-migrate");
    } catch (error) {
      this.#fail(attempt, error);
      throw error;
    }
    host.defer(() => this.#step(attempt, () => this.#begin(attempt)));
  }

  /**
   * Continues from pre-switchover.
   *
   * @throws {MigrationError} when the migration is in another state
   */
  continue(): void {
    const attempt = this.#attempt;
    if (this.status !== "pre-switchover" || attempt === undefined) {
      throw new MigrationError(
        "bad-state",
        `Migration not in expected state: ${this.status}`,
      );
    }
    this.become("device");
    this.setup.host.defer(() =>
      this.#step(attempt, () => this.#switchOver(attempt))
    );
  }

  /** Cancels the migration; the VM continues as before. */
  cancel(): void {
    const attempt = this.#attempt;
    if (attempt === undefined || !isUnderWay(this.status)) return;
    this.become("cancelling");
    this.#undo(attempt);
    this.become("cancelled");
    this.#end();
  }

  /**
   * Drops the migration when the process exits, so that nothing is executed.
   */
  abandon(): void {
    if (this.#attempt !== undefined) this.#release(this.#attempt);
    this.#end();
  }

  #refuseUnlessPossible(mode: MigrationMode, address: MigrationAddress): void {
    const { host, parameters, blockers } = this.setup;
    if (this.#attempt !== undefined) {
      throw refuse("There's a migration process in progress");
    }
    if (host.runState === "inmigrate") {
      throw refuse("Guest is waiting for an incoming migration");
    }
    if (host.runState === "postmigrate") {
      throw refuse("Can't migrate the vm that was paused due to migration");
    }
    const reasons = blockers.reasons(mode);
    if (reasons.length > 0) throw refuse(reasons.join("; "));
    if (mode === "cpr-transfer") {
      throw refuse("Missing 'cpr' migration channel");
    }
    if (mode === "cpr-exec" && parameters["cpr-exec-command"].length === 0) {
      throw noCommand();
    }
    fileAddress(address);
  }

  #open(address: MigrationAddress): OutgoingFile {
    try {
      return OutgoingFile.open(address);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  #begin(attempt: Attempt): void {
    const { host, capabilities } = this.setup;
    this.become("active");
    attempt.stream.writeSetup(attempt.mode);
    host.emitPass(2);
    if (capabilities.has("pause-before-switchover")) {
      this.become("pre-switchover");
      this.#settle();
    } else {
      this.become("device");
      this.#switchOver(attempt);
    }
  }

  #switchOver(attempt: Attempt): void {
    const { host, notifiers } = this.setup;
    attempt.stream.writeDevices(attempt.runStateBefore);
    attempt.file.close();
    this.become("completed");
    notifiers.notify(attempt.mode, { type: "done" });
    host.stop("postmigrate");
    if (attempt.mode === "cpr-exec") {
      // Clients get the event of the completion before the exec.
      host.flush().then(() => this.#step(attempt, () => this.#exec()));
    } else {
      this.#end();
    }
  }

  #exec(): void {
    // The parameter may have been changed during the migration.
    const command = this.setup.parameters["cpr-exec-command"];
    if (command.length === 0) throw noCommand();
    try {
      this.setup.cprExec.exec(command);
    } catch (error) {
      const reason = error instanceof OsError
        ? error.description
        : asError(error).message;
      throw new MigrationError(
        "exec-failed",
        `execvp ${command[0]} failed: ${reason}`,
        { cause: error },
      );
    }
  }

  /** Runs one task of an attempt, unless that has ended. */
  #step(attempt: Attempt, task: () => void): void {
    if (this.#attempt !== attempt) return;
    try {
      task();
    } catch (error) {
      this.#fail(attempt, error);
    }
  }

  #fail(attempt: Attempt, error: unknown): void {
    this.fail(error);
    this.#undo(attempt);
    this.#end();
  }

  #undo(attempt: Attempt): void {
    this.#release(attempt);
    if (!attempt.stopped) return;
    const { host } = this.setup;
    const { runStateBefore: before } = attempt;
    if (before === "running" || host.runState === "finish-migrate") {
      host.resume(before);
    }
  }

  #release(attempt: Attempt): void {
    attempt.file.close();
    this.setup.notifiers.notify(attempt.mode, { type: "failed" });
  }

  #end(): void {
    this.#attempt = undefined;
    this.#settle();
  }

  #settle(): void {
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
  }
}

function noCommand(): MigrationError {
  return refuse(
    "cpr-exec mode requires setting cpr-exec-command",
    'Run "migrate_set_parameter cpr-exec-command ARGV… -incoming URI"',
  );
}

function refuse(message: string, remedy?: string): MigrationError {
  return new MigrationError("refused", message, { remedy });
}
