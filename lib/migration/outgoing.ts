/**
 * The source: from `migrate` to the exec, or back to a running VM.
 *
 * ```
 * migrate ─▶ checks ─▶ open channel ─▶ setup ─▶ notify ─▶ (reply) ─▶ connect
 *   active ─▶ header, configuration, RAMBlock list
 *     normal: RAM, again where the guest writes to it, until little is left
 *   stop VM ─▶ the last of RAM ─▶ [pre-switchover ⏸ continue]
 *   device ─▶ device sections, EOF, vmdesc ─▶ close ─▶ completed ─▶ notify
 *   cpr-exec: execvp ─▶ the new program
 *                    ─▶ on failure: failed ─▶ notify ─▶ VM as before, but
 *                       one that was paused is postmigrate, as in QEMU
 * ```
 *
 * The CPR modes stop the VM once they are connected: with a file, before the
 * reply. In cpr-transfer the source connects when the destination listens,
 * which the destination signals by closing the cpr channel.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { asError } from "../errors.ts";
import {
  Channel,
  type ChannelOptions,
  type MigrationAddress,
  requireFile,
} from "../channel/mod.ts";
import type { MigrationBlockers } from "./blockers.ts";
import type { MigrationCapabilities } from "./capabilities.ts";
import type { CprRegistry } from "../cpr/mod.ts";
import type { CprExec } from "./cpr_exec.ts";
import { CprChannel } from "./cpr_transfer.ts";
import { MigrationError } from "./error.ts";
import type { MigrationHost } from "./host.ts";
import type { MigrationNotifiers } from "./notifiers.ts";
import { OutgoingStream, PAGE_SIZE } from "./outgoing_stream.ts";
import { Pace } from "./pace.ts";
import type { MigrationMode, MigrationParameters } from "./parameters.ts";
import type { RunState } from "./run_state.ts";
import { isUnderWay, Migration } from "./status.ts";

/** The parts of a machine that its migrations use. */
export interface MigrationSetup {
  readonly host: MigrationHost;
  readonly parameters: MigrationParameters;
  readonly capabilities: MigrationCapabilities;
  readonly notifiers: MigrationNotifiers;
  readonly blockers: MigrationBlockers;
  readonly cprExec: CprExec;
  readonly registry: CprRegistry;
  readonly channelOptions: ChannelOptions;
}

/** Where a migration goes. */
export interface Channels {
  readonly main: MigrationAddress;
  /** Where the destination of cpr-transfer waits for CPR state. */
  readonly cpr?: MigrationAddress | undefined;
}

/** One migration. */
interface Attempt {
  readonly mode: MigrationMode;
  readonly channel: Channel;
  readonly stream: OutgoingStream;
  readonly continued: PromiseWithResolvers<void>;
  /** In cpr-transfer, once CPR state was sent. */
  cprChannel: CprChannel | undefined;
  /** How many times dirty pages were collected. */
  passes: number;
  /** What the VM did when it was stopped; undefined until then. */
  runStateBefore: RunState | undefined;
}

/** The progress of guest RAM, as in query-migrate. */
export interface RamProgress {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  readonly "dirty-sync-count": number;
  readonly "page-size": number;
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

  /** The progress of guest RAM; undefined while there is no migration. */
  get ram(): RamProgress | undefined {
    if (this.#attempt === undefined) return undefined;
    const { stream, passes } = this.#attempt;
    const { transferred, remaining, total } = stream;
    return {
      ...{ transferred, remaining, total },
      "dirty-sync-count": passes,
      "page-size": PAGE_SIZE,
    };
  }

  /** Whether it has stopped the VM. */
  get hasStopped(): boolean {
    return this.#attempt?.runStateBefore !== undefined;
  }

  /** Resolves at the end of the migration, or in pre-switchover. */
  settled(): Promise<void> {
    if (!this.underWay || this.status === "pre-switchover") {
      return Promise.resolve();
    }
    return this.#settled.promise;
  }

  /**
   * Begins a migration; the rest follows by itself. In the modes cpr-reboot and
   * cpr-exec, a VM that goes to a file is stopped when this returns.
   *
   * @returns when CPR state is sent, in cpr-transfer; rejects if it cannot be
   * @throws {MigrationError} when it cannot begin; the VM is unchanged
   * @throws {ChannelError} when the channel cannot be opened
   */
  start(channels: Channels): Promise<void> {
    const { host, notifiers, capabilities } = this.setup;
    const { mode } = this.setup.parameters;
    this.#refuseUnlessPossible(mode, channels);
    this.become("setup");
    const channel = this.#open(channels.main);
    const attempt: Attempt = {
      mode,
      channel,
      stream: new OutgoingStream(host, channel, capabilities, mode),
      continued: Promise.withResolvers(),
      cprChannel: undefined,
      passes: 1,
      runStateBefore: undefined,
    };
    this.#attempt = attempt;
    try {
      notifiers.notify(mode, { type: "setup" });
      if (mode === "cpr-transfer") return this.#handOver(attempt, channels.cpr);
      // A peer that cannot be reached costs the guest nothing.
      const connectsAtOnce = channels.main.transport === "file";
      if (mode !== "normal" && connectsAtOnce) this.#stop(attempt);
    } catch (error) {
      this.#fail(attempt, error);
      throw error;
    }
    host.defer(() => this.#run(attempt));
    return Promise.resolve();
  }

  async #handOver(
    attempt: Attempt,
    address: MigrationAddress | undefined,
  ): Promise<void> {
    const path = CprChannel.pathOf(address);
    try {
      const { registry, host } = this.setup;
      attempt.cprChannel = await CprChannel.handOver(path, registry);
      this.#checkTurn(attempt);
      host.defer(() => this.#run(attempt));
    } catch (error) {
      if (this.#attempt === attempt) this.#fail(attempt, error);
      else attempt.cprChannel?.[Symbol.dispose]();
      throw error;
    }
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
    attempt.continued.resolve();
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

  #refuseUnlessPossible(mode: MigrationMode, channels: Channels): void {
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
      CprChannel.pathOf(channels.cpr);
      if (channels.main.transport === "file") throw notAConnection();
    }
    if (this.setup.capabilities.has("mapped-ram")) {
      if (channels.main.transport !== "file") {
        throw refuse("Migration requires seekable transport (e.g. file)");
      }
      if (mode === "cpr-exec") {
        throw refuse("Cannot use mapped-ram with cpr-exec");
      }
    }
    if (mode !== "cpr-exec") return;
    if (parameters["cpr-exec-command"].length === 0) throw noCommand();
    requireFile(channels.main);
  }

  #open(address: MigrationAddress): Channel {
    try {
      return Channel.open(address, "outgoing", this.setup.channelOptions);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  async #run(attempt: Attempt): Promise<void> {
    try {
      await this.#save(attempt);
    } catch (error) {
      if (this.#attempt === attempt) this.#fail(attempt, error);
    }
  }

  /** @throws also when the attempt was cancelled meanwhile */
  async #save(attempt: Attempt): Promise<void> {
    const { host, capabilities, notifiers } = this.setup;
    const { mode, channel, stream } = attempt;
    const inTurn = <T>(work: Promise<T>) => this.#inTurn(attempt, work);
    if (attempt.cprChannel !== undefined) {
      await inTurn(attempt.cprChannel.hungUp());
    }
    await inTurn(channel.connect());
    if (mode !== "normal") this.#stop(attempt);
    this.become("active");
    await inTurn(stream.writeSetup());
    if (mode === "normal") await this.#converge(attempt);
    this.#stop(attempt);
    await inTurn(stream.writeDirtyPages(() => this.#checkTurn(attempt)));
    if (mode !== "normal") host.emitPass(++attempt.passes);
    if (capabilities.has("pause-before-switchover")) {
      this.become("pre-switchover");
      this.#settle();
      await inTurn(attempt.continued.promise);
    } else this.become("device");
    await inTurn(stream.writeDevices(attempt.runStateBefore ?? "paused"));
    await inTurn(channel.finish());
    attempt.cprChannel?.[Symbol.dispose]();
    this.become("completed");
    notifiers.notify(mode, { type: "done" });
    host.stop("postmigrate");
    if (mode === "cpr-exec") {
      // Clients get the event of the completion before the exec.
      await inTurn(host.flush());
      this.#exec();
    } else this.#end();
  }

  /** Sends RAM until what is left takes no longer than `downtime-limit`. */
  async #converge(attempt: Attempt): Promise<void> {
    const { host, parameters } = this.setup;
    const { stream } = attempt;
    for (;;) {
      const pace = new Pace(parameters, () => stream.transferred);
      const keepPace = async () => {
        do await this.#inTurn(attempt, pace.rest()); while (pace.isAhead);
      };
      await stream.writeDirtyPages(keepPace);
      await keepPace();
      host.emitPass(++attempt.passes);
      if (pace.leftIsShort(stream.remaining)) return;
    }
  }

  /** Stops the VM, unless that was done. */
  #stop(attempt: Attempt): void {
    if (attempt.runStateBefore !== undefined) return;
    const { host } = this.setup;
    attempt.runStateBefore = host.runState;
    host.stop("finish-migrate");
  }

  /** Awaits a step of an attempt; throws if the attempt has ended. */
  async #inTurn<T>(attempt: Attempt, work: Promise<T>): Promise<T> {
    const result = await work;
    this.#checkTurn(attempt);
    return result;
  }

  #checkTurn(attempt: Attempt): void {
    if (this.#attempt === attempt) return;
    throw new MigrationError("cancelled", "The migration has ended");
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

  #fail(attempt: Attempt, error: unknown): void {
    this.fail(error);
    this.#undo(attempt);
    this.#end();
  }

  #undo(attempt: Attempt): void {
    this.#release(attempt);
    const { host } = this.setup;
    const { runStateBefore: before } = attempt;
    if (before === undefined) return;
    if (before === "running" || host.runState === "finish-migrate") {
      host.resume(before);
    }
  }

  #release(attempt: Attempt): void {
    attempt.channel.close();
    attempt.cprChannel?.[Symbol.dispose]();
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

function notAConnection(): MigrationError {
  return refuse(
    "The main channel of cpr-transfer is a file: the destination would read " +
      "it before it is written",
    "Use unix:PATH",
  );
}

function refuse(message: string, remedy?: string): MigrationError {
  return new MigrationError("refused", message, { remedy });
}
