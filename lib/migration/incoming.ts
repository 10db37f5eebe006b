/**
 * The destination: a machine that was just built waits in "inmigrate", loads
 * a stream, and goes on in the run state that the stream says.
 *
 * ```
 * none ─▶ setup ─▶ active ─▶ completed      the VM runs, or stays as it was
 *                    └─────▶ failed         nothing of the stream was applied
 * ```
 *
 * @module
 */

import { asError } from "../errors.ts";
import { IncomingFile, type MigrationAddress } from "../channel/mod.ts";
import { Source } from "../stream/mod.ts";
import { MigrationError } from "./error.ts";
import { type GlobalState, globalState, runStateOf } from "./global_state.ts";
import type { MigrationHost } from "./host.ts";
import { uuidBytes } from "./outgoing_stream.ts";
import { MigrationProgress, type MigrationStatus } from "./status.ts";
import { loadStream, readStreamHeader } from "./stream/mod.ts";
import type { RunState } from "./run_state.ts";

/** Whether RAM pages are in the stream, or were preserved in place. */
export type RamOrigin = "stream" | "preserved";

/** Magic and version. */
const HEADER_SIZE = 8;

/** More than the state of all devices, with its description. */
const MAXIMUM_STATE_SIZE = 64 * 1024 * 1024;

/** The one incoming migration of a machine. */
export class IncomingMigration {
  readonly #host: MigrationHost;
  readonly #ramOrigin: RamOrigin;
  readonly #progress: MigrationProgress;
  #failure: Error | undefined;

  constructor(host: MigrationHost, ramOrigin: RamOrigin) {
    this.#host = host;
    this.#ramOrigin = ramOrigin;
    this.#progress = new MigrationProgress((it) => host.emitStatus(it));
  }

  get status(): MigrationStatus {
    return this.#progress.status;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Loads a stream. Nothing is applied unless all of it is right.
   *
   * @returns the run state that the stream says
   * @throws {MigrationError} when one was started before
   * @throws {ChannelError} when the file cannot be read
   * @throws {StreamError} when the stream is not this machine's
   */
  load(address: MigrationAddress): RunState {
    if (this.status !== "none") {
      throw new MigrationError(
        "bad-state",
        "The incoming migration has already been started",
      );
    }
    this.#progress.become("setup");
    try {
      using file = IncomingFile.open(address);
      this.#progress.become("active");
      const runState = this.#apply(this.#read(file));
      this.#progress.become("completed");
      return runState;
    } catch (error) {
      this.#failure = asError(error);
      this.#progress.become("failed");
      throw error;
    }
  }

  /** Anything but a stream is refused by its first bytes, however long it is. */
  #read(file: IncomingFile): Uint8Array {
    const start = file.start(HEADER_SIZE);
    if (start.length === HEADER_SIZE) readStreamHeader(new Source(start));
    return file.readAll(MAXIMUM_STATE_SIZE + this.#maximumRamSize());
  }

  /** Every page with the header that names it, which is shorter. */
  #maximumRamSize(): number {
    if (this.#ramOrigin === "preserved") return 0;
    return this.#host.ramBlocks()
      .reduce((sum, { usedLength }) => sum + 2 * usedLength, 0);
  }

  #apply(bytes: Uint8Array): RunState {
    const host = this.#host;
    const blocks = host.ramBlocks();
    const loaded: { runState?: RunState } = {};
    loadStream(bytes, {
      machine: host.machineType,
      ...host.uuid === undefined ? {} : { uuid: uuidBytes(host.uuid) },
      ram: this.#ramOrigin === "preserved" ? { blocks } : {
        blocks,
        page(name, offset, page) {
          blocks.find((block) => block.name === name)?.bytes.set(page, offset);
        },
      },
      entries: [...host.devices(), {
        idstr: globalState.name,
        instanceId: 0,
        state: globalState,
        load: (value: GlobalState) => {
          loaded.runState = runStateOf(value);
        },
      }],
    });
    // The section is there, or the stream was refused.
    return loaded.runState ?? "paused";
  }
}
