/**
 * The destination: a new machine waits in "inmigrate", loads a stream, and
 * continues in the run state of the stream.
 *
 * ```
 * none ─▶ setup ─▶ active ─▶ completed      the VM is in the saved run state
 *                    └─────▶ failed         nothing of the stream was applied
 * ```
 *
 * @module
 */

import { IncomingFile, type MigrationAddress } from "../channel/mod.ts";
import { Source } from "../stream/mod.ts";
import { MigrationError } from "./error.ts";
import { type GlobalState, globalState, runStateOf } from "./global_state.ts";
import type { MigrationHost } from "./host.ts";
import { Migration } from "./status.ts";
import { loadStream, readStreamHeader, uuidBytes } from "./stream/mod.ts";
import type { RunState } from "./run_state.ts";

/** Whether RAM pages are in the stream, or were preserved in place. */
export type RamOrigin = "stream" | "preserved";

/** Magic and version. */
const HEADER_SIZE = 8;

/** Larger than the state of all devices, with vmdesc. */
const MAXIMUM_STATE_SIZE = 64 * 1024 * 1024;

/** The one incoming migration of a machine. */
export class IncomingMigration extends Migration {
  constructor(
    private readonly host: MigrationHost,
    private readonly ramOrigin: RamOrigin,
  ) {
    super(host);
  }

  /**
   * Loads a stream. Nothing is applied unless all of it is valid.
   *
   * @returns the run state in the stream
   * @throws {MigrationError} when a load was started before
   * @throws {ChannelError} when the file cannot be read
   * @throws {StreamError} when the stream does not match this machine
   */
  load(address: MigrationAddress): RunState {
    if (this.status !== "none") {
      throw new MigrationError(
        "bad-state",
        "The incoming migration has already been started",
      );
    }
    this.become("setup");
    try {
      using file = IncomingFile.open(address);
      this.become("active");
      const runState = this.#apply(this.#read(file));
      this.become("completed");
      return runState;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Checks the first bytes before it reads the whole file. */
  #read(file: IncomingFile): Uint8Array {
    const start = file.start(HEADER_SIZE);
    if (start.length === HEADER_SIZE) readStreamHeader(new Source(start));
    return file.readAll(MAXIMUM_STATE_SIZE + this.#maximumRamSize());
  }

  /** An upper bound: the header of a page is shorter than a page. */
  #maximumRamSize(): number {
    if (this.ramOrigin === "preserved") return 0;
    return this.host.ramBlocks()
      .reduce((sum, { usedLength }) => sum + 2 * usedLength, 0);
  }

  #apply(bytes: Uint8Array): RunState {
    const host = this.host;
    const blocks = host.ramBlocks();
    const loaded: { runState?: RunState } = {};
    loadStream(bytes, {
      machine: host.machineType,
      ...host.uuid === undefined ? {} : { uuid: uuidBytes(host.uuid) },
      ram: this.ramOrigin === "preserved" ? { blocks } : {
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
    // Always set: a stream without the section is refused.
    return loaded.runState ?? "paused";
  }
}
