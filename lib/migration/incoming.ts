/**
 * The incoming side: a machine that was just built waits in "inmigrate", loads
 * a stream, and goes on in the run state that the stream says.
 *
 * ```
 * none ─▶ setup ─▶ active ─▶ completed      the VM runs, or stays as it was
 *                    └─────▶ failed         nothing of the stream was applied
 * ```
 *
 * @module
 */

import { type MigrationAddress, readIncomingFile } from "../channel/mod.ts";
import { Source } from "../stream/mod.ts";
import { MigrationError } from "./error.ts";
import { type GlobalState, globalState, runStateOf } from "./global_state.ts";
import type { MigrationHost } from "./host.ts";
import { uuidBytes } from "./outgoing_stream.ts";
import { loadStream } from "./stream/mod.ts";
import type { MigrationStatus } from "./status.ts";
import type { RunState } from "./run_state.ts";

/** Whether RAM pages are in the stream, or were preserved in place. */
export type RamOrigin = "stream" | "preserved";

/** The one incoming migration of a machine. */
export class IncomingMigration {
  readonly #host: MigrationHost;
  readonly #ramOrigin: RamOrigin;
  #status: MigrationStatus = "none";
  #failure: Error | undefined;

  constructor(host: MigrationHost, ramOrigin: RamOrigin) {
    this.#host = host;
    this.#ramOrigin = ramOrigin;
  }

  get status(): MigrationStatus {
    return this.#status;
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
    if (this.#status !== "none") {
      throw new MigrationError(
        "bad-state",
        "The incoming migration has already been started",
      );
    }
    this.#become("setup");
    try {
      const bytes = readIncomingFile(address);
      this.#become("active");
      const runState = this.#apply(bytes);
      this.#become("completed");
      return runState;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#become("failed");
      throw error;
    }
  }

  #apply(bytes: Uint8Array): RunState {
    const host = this.#host;
    const blocks = host.ramBlocks();
    const loaded: { runState?: RunState } = {};
    loadStream(new Source(bytes), {
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

  #become(status: MigrationStatus): void {
    this.#status = status;
    this.#host.emitStatus(status);
  }
}
