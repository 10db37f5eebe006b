/**
 * The embedded machine: a board, its run state, and its migrations.
 *
 * ```
 *             -S            cont              migrate
 * prelaunch ◀──── start ──▶ running ◀─▶ paused ─▶ finish-migrate ─▶ postmigrate
 *                             ▲  cont / stop            │ failed: as before
 * inmigrate ── loaded ────────┴──▶ paused               ▼
 *                                              running or paused
 * ```
 *
 * @module
 */

import { CprRegistry } from "../cpr/mod.ts";
import {
  CprExec,
  defaultParameters,
  type DeviceEntry,
  IncomingMigration,
  MigrationBlockers,
  MigrationCapabilities,
  MigrationError,
  type MigrationHost,
  MigrationNotifiers,
  type MigrationParameters,
  type MigrationStatus,
  OutgoingMigration,
  type RunState,
} from "../migration/mod.ts";
import type { MigrationAddress } from "../channel/mod.ts";
import type { JsonObject } from "../qmp/mod.ts";
import { Board } from "./board.ts";
import { AUX_RAM } from "./devices/mod.ts";
import type { MainLoop } from "./main_loop.ts";
import { AUX_RAM_NAME, MACHINE_TYPE, type MachineOptions } from "./options.ts";
import { makeRam, type RamBlock } from "./ram.ts";

/** Told of an event as QMP names it; many carry no data. */
export type EventListener = (name: string, data?: JsonObject) => void;

/** What surrounds a machine: where its guest writes to, who hears of it. */
export interface MachineEnvironment {
  readonly loop: MainLoop;
  /** Takes what the guest writes to its serial port. */
  readonly serial: (byte: number) => void;
  readonly onEvent: EventListener;
  /** Tells the operator of something that is not as meant. */
  readonly warn: (message: string) => void;
  /** Ends the process after a failure that leaves no machine. */
  readonly die: (error: unknown) => void;
  /** Resolves when all listeners have been sent what they were told. */
  readonly flush: () => Promise<void>;
  /** What an old process handed over; undefined in a first start. */
  readonly preserved: CprRegistry | undefined;
}

/** One virtual machine in this process. */
export class Machine implements MigrationHost {
  readonly options: MachineOptions;
  readonly parameters: MigrationParameters = defaultParameters();
  readonly capabilities = new MigrationCapabilities();
  readonly blockers = new MigrationBlockers();
  readonly outgoing: OutgoingMigration;
  readonly incoming: IncomingMigration;
  readonly board: Board;
  readonly #ram: readonly RamBlock[];
  readonly #environment: MachineEnvironment;
  #runState: RunState;
  /** Whether `cont` was asked for while the machine could not start yet. */
  #autostart: boolean;

  constructor(options: MachineOptions, environment: MachineEnvironment) {
    this.options = options;
    this.#environment = environment;
    const { preserved } = environment;
    const registry = preserved ?? new CprRegistry();
    const notifiers = new MigrationNotifiers();
    const blocks = [
      {
        name: options.ram.id,
        size: options.ram.size,
        share: options.ram.share,
      },
      {
        // Preserved with aux-ram-share=on only.
        name: AUX_RAM_NAME,
        size: AUX_RAM.size,
        share: options.auxRamShare,
      },
    ];
    this.#ram = makeRam(
      blocks,
      preserved === undefined ? "new" : "preserved",
      registry,
      this.blockers,
    );
    this.board = new Board({
      loop: environment.loop,
      ram: this.#block(options.ram.id).bytes,
      auxRam: this.#block(AUX_RAM_NAME).bytes,
      serial: environment.serial,
      onPowerOff: () => this.#powerOff(),
    });
    // RAM that was handed over holds the guest already.
    if (preserved === undefined) this.board.loadProgram();
    this.outgoing = new OutgoingMigration({
      host: this,
      parameters: this.parameters,
      capabilities: this.capabilities,
      notifiers,
      blockers: this.blockers,
      cprExec: new CprExec(registry, notifiers),
    });
    this.incoming = new IncomingMigration(
      this,
      preserved === undefined ? "stream" : "preserved",
    );
    const isIncoming = options.incoming.length > 0;
    this.#runState = isIncoming ? "inmigrate" : "prelaunch";
    this.#autostart = !options.startStopped;
  }

  get machineType(): string {
    return MACHINE_TYPE;
  }

  get uuid(): string | undefined {
    return this.options.uuid;
  }

  get runState(): RunState {
    return this.#runState;
  }

  get running(): boolean {
    return this.#runState === "running";
  }

  ramBlocks(): readonly RamBlock[] {
    return this.#ram;
  }

  devices(): readonly DeviceEntry[] {
    return this.board.devices();
  }

  /** Tells the operator of something that is not as meant. */
  warn(message: string): void {
    this.#environment.warn(message);
  }

  /**
   * Begins the incoming migration: from the main loop, after the reply.
   *
   * @param exitOnError end the process when it fails, as QEMU does
   * @throws {MigrationError} when this machine does not wait for one
   */
  startIncoming(address: MigrationAddress, exitOnError: boolean): void {
    if (this.options.incoming.length === 0) {
      throw new MigrationError(
        "bad-state",
        "'-incoming' was not specified on the command line",
      );
    }
    if (this.incoming.status !== "none") {
      throw new MigrationError(
        "bad-state",
        "The incoming migration has already been started",
      );
    }
    this.defer(() => this.#load(address, exitOnError));
  }

  #load(address: MigrationAddress, exitOnError: boolean): void {
    let state: RunState;
    try {
      state = this.incoming.load(address);
    } catch (error) {
      if (exitOnError) this.#environment.die(error);
      return;
    }
    if (state === "running" && this.#autostart) this.#start();
    else this.#runState = state === "running" ? "paused" : state;
  }

  /** Resolves when no migration does anything by itself (any more). */
  async settled(): Promise<void> {
    await new Promise<void>((resolve) => this.defer(resolve));
    await this.outgoing.settled();
  }

  /** What a first start does: run, unless -S said not to. */
  launch(): void {
    if (this.#runState === "prelaunch" && this.#autostart) this.#start();
  }

  /**
   * QMP `cont`.
   *
   * @throws {MigrationError} while a migration holds the machine
   */
  cont(): void {
    // Until the exec, too: the guest would do again what it did meanwhile.
    if (this.outgoing.underWay) {
      throw new MigrationError("bad-state", "Migration is not finalized yet");
    }
    switch (this.#runState) {
      case "running":
        return;
      case "inmigrate":
        this.#autostart = true;
        return;
      default:
        this.#start();
    }
  }

  /** QMP `stop`. */
  pause(): void {
    if (this.running) this.stop("paused");
    else if (this.#runState === "inmigrate") this.#autostart = false;
  }

  stop(state: RunState): void {
    if (this.running) {
      this.board.stop();
      this.#emit("STOP");
    }
    this.#runState = state;
  }

  resume(state: RunState): void {
    if (state === "running") this.#start();
    else this.#runState = state;
  }

  emitStatus(status: MigrationStatus): void {
    if (this.capabilities.has("events")) this.#emit("MIGRATION", { status });
  }

  emitPass(pass: number): void {
    if (this.capabilities.has("events")) this.#emit("MIGRATION_PASS", { pass });
  }

  defer(task: () => void): void {
    this.#environment.loop.defer(task);
  }

  flush(): Promise<void> {
    return this.#environment.flush();
  }

  #start(): void {
    this.#runState = "running";
    this.board.start();
    this.#emit("RESUME");
  }

  #powerOff(): void {
    this.stop("shutdown");
    this.#emit("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
  }

  #emit(name: string, data?: JsonObject): void {
    this.#environment.onEvent(name, data);
  }

  #block(name: string): RamBlock {
    const block = this.#ram.find((block) => block.name === name);
    if (block === undefined) throw new TypeError(`No RAMBlock "${name}"`);
    return block;
  }
}
