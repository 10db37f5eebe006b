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
import { Channel, type Fd, type MigrationAddress } from "../channel/mod.ts";
import type { JsonObject } from "../qmp/mod.ts";
import { Board } from "./board.ts";
import { RAM_BASE } from "./cpu/mod.ts";
import { AUX_RAM } from "./devices/mod.ts";
import type { MainLoop } from "./main_loop.ts";
import { AUX_RAM_NAME, MACHINE_TYPE, type MachineOptions } from "./options.ts";
import { makeRam, type RamBlock } from "./ram.ts";

/** Called with the name of a QMP event, and its data if it has any. */
export type EventListener = (name: string, data?: JsonObject) => void;

/** The environment of a machine. */
export interface MachineEnvironment {
  readonly loop: MainLoop;
  /** Receives the output of the serial port. */
  readonly serial: (byte: number) => void;
  readonly onEvent: EventListener;
  /** Warns the operator. */
  readonly warn: (message: string) => void;
  /** Ends the process after a failure that the machine cannot survive. */
  readonly die: (error: unknown) => void;
  /** Resolves when all events have been written to the clients. */
  readonly flush: () => Promise<void>;
  /** CPR state of the source; undefined on a first start. */
  readonly preserved: CprRegistry | undefined;
  /** Called when the machine waits for the stream of a migration. */
  readonly onListening: () => void;
}

function badState(message: string): MigrationError {
  return new MigrationError("bad-state", message);
}

/** One virtual machine in this process. */
export class Machine implements MigrationHost {
  readonly parameters: MigrationParameters = defaultParameters();
  readonly capabilities = new MigrationCapabilities();
  readonly blockers = new MigrationBlockers();
  readonly outgoing: OutgoingMigration;
  readonly incoming: IncomingMigration;
  readonly board: Board;
  /** Descriptors that clients have passed by `getfd`. */
  readonly descriptors = new Map<string, Fd>();
  readonly #channelOptions = {
    takeDescriptor: (name: string) => {
      const fd = this.descriptors.get(name);
      this.descriptors.delete(name);
      return fd;
    },
  };
  readonly #ram: readonly RamBlock[];
  #incomingChannel: Channel | undefined;
  #runState: RunState;
  /** Whether `cont` was called before the machine could start. */
  #autostart: boolean;

  constructor(
    readonly options: MachineOptions,
    private readonly environment: MachineEnvironment,
  ) {
    const { preserved } = environment;
    const registry = preserved ?? new CprRegistry();
    const notifiers = new MigrationNotifiers();
    const { ram, auxRamShare } = options;
    const blocks = [
      {
        name: ram.id,
        size: ram.size,
        share: ram.share,
        path: ram.path,
        guestAddress: RAM_BASE,
      },
      // Preserved with aux-ram-share=on only.
      {
        name: AUX_RAM_NAME,
        size: AUX_RAM.size,
        share: auxRamShare,
        guestAddress: AUX_RAM.base,
      },
    ];
    const origin = preserved === undefined ? "new" : "preserved";
    this.#ram = makeRam(blocks, origin, registry, this.blockers);
    const [main, aux] = [this.#block(ram.id), this.#block(AUX_RAM_NAME)];
    this.board = new Board({
      loop: environment.loop,
      ram: main.bytes,
      dirty: main.dirty,
      auxRam: aux.bytes,
      auxDirty: aux.dirty,
      serial: environment.serial,
      onPowerOff: () => this.#powerOff(),
    });
    const isIncoming = options.incoming.length > 0;
    // RAM of an incoming machine contains the program, or gets it.
    if (!isIncoming) this.board.loadProgram();
    this.outgoing = new OutgoingMigration({
      host: this,
      parameters: this.parameters,
      capabilities: this.capabilities,
      notifiers,
      blockers: this.blockers,
      cprExec: new CprExec(registry, notifiers),
      registry,
      channelOptions: this.#channelOptions,
    });
    this.incoming = new IncomingMigration(
      this,
      preserved === undefined ? "stream" : "preserved",
      this.capabilities,
    );
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

  /** Warns the operator. */
  warn(message: string): void {
    this.environment.warn(message);
  }

  /**
   * Begins the incoming migration.
   *
   * @param exitOnError end the process when it fails, as QEMU does
   * @throws {MigrationError} when this machine does not wait for one
   * @throws {ChannelError} when the channel cannot be opened
   */
  startIncoming(address: MigrationAddress, exitOnError: boolean): void {
    if (this.options.incoming.length === 0) {
      throw badState("'-incoming' was not specified on the command line");
    }
    if (this.incoming.status !== "none") {
      throw badState("The incoming migration has already been started");
    }
    const channel = Channel.open(address, "incoming", this.#channelOptions);
    this.#incomingChannel = channel;
    this.environment.onListening();
    this.incoming.load(channel).then(
      (state) => {
        if (state === "running" && this.#autostart) this.#start();
        else this.#runState = state === "running" ? "paused" : state;
      },
      (error) => {
        const isAbandoned = this.#incomingChannel !== channel;
        if (exitOnError && !isAbandoned) this.environment.die(error);
      },
    );
  }

  /** Ends both migrations, as the process ends: nothing is executed. */
  abandonMigrations(): void {
    this.outgoing.abandon();
    const channel = this.#incomingChannel;
    this.#incomingChannel = undefined;
    channel?.close();
  }

  /** Where it waits for a stream; undefined if it does not. */
  get listensAt(): Channel["listensAt"] {
    return this.#incomingChannel?.listensAt;
  }

  /** Resolves when no migration is active. */
  async settled(): Promise<void> {
    await new Promise<void>((resolve) => this.defer(resolve));
    await this.outgoing.settled();
  }

  /** Starts the guest for the first time, unless -S is given. */
  launch(): void {
    if (this.#runState === "prelaunch" && this.#autostart) this.#start();
  }

  /**
   * QMP `cont`.
   *
   * @throws {MigrationError} while a migration holds the machine
   */
  cont(): void {
    // Also until the exec: the guest would repeat what it does until then.
    if (this.outgoing.hasStopped) {
      throw badState("Migration is not finalized yet");
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
    this.environment.loop.defer(task);
  }

  flush(): Promise<void> {
    return this.environment.flush();
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
    this.environment.onEvent(name, data);
  }

  #block(name: string): RamBlock {
    const block = this.#ram.find((block) => block.name === name);
    if (block === undefined) throw new TypeError(`No RAMBlock "${name}"`);
    return block;
  }
}
