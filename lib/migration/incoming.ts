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

import { type Channel, ChannelError } from "../channel/mod.ts";
import { Sink, Source } from "../stream/mod.ts";
import type { MigrationCapabilities } from "./capabilities.ts";
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

/**
 * How many times the size of RAM a stream may have: a running guest's is
 * resent.
 */
const MAXIMUM_PASSES = 16;

/** The one incoming migration of a machine. */
export class IncomingMigration extends Migration {
  constructor(
    private readonly host: MigrationHost,
    private readonly ramOrigin: RamOrigin,
    private readonly capabilities: MigrationCapabilities,
  ) {
    super(host);
  }

  /**
   * Loads a stream. Nothing is applied unless all of it is valid.
   *
   * @returns the run state in the stream
   * @throws {MigrationError} when a load was started before
   * @throws {ChannelError} when the stream cannot be read
   * @throws {StreamError} when the stream does not match this machine
   */
  async load(channel: Channel): Promise<RunState> {
    if (this.status !== "none") {
      throw new MigrationError(
        "bad-state",
        "The incoming migration has already been started",
      );
    }
    this.become("setup");
    try {
      using _closed = channel;
      await channel.connect();
      this.become("active");
      const runState = applyStream(
        await this.#read(channel),
        this.host,
        this.ramOrigin,
        this.capabilities,
        channel.fileOffset,
      );
      this.become("completed");
      return runState;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Checks the first bytes before it reads the rest. */
  async #read(channel: Channel): Promise<Uint8Array> {
    const limit = MAXIMUM_STATE_SIZE + this.#maximumRamSize();
    const stream = new Sink();
    for (;;) {
      const piece = await channel.read();
      if (piece.length === 0) break;
      const before = stream.length;
      stream.bytes(piece);
      if (before < HEADER_SIZE && stream.length >= HEADER_SIZE) {
        readStreamHeader(new Source(stream.toBytes()));
      }
      if (stream.length > limit) {
        throw new ChannelError("channel-io", "The stream is too long");
      }
    }
    await channel.finish();
    return stream.drain();
  }

  /** An upper bound: the header of a page is shorter than a page. */
  #maximumRamSize(): number {
    if (this.ramOrigin === "preserved") return 0;
    return this.host.ramBlocks()
      .reduce((sum, { usedLength }) => sum + 2 * usedLength, 0) *
      MAXIMUM_PASSES;
  }
}

/**
 * Applies a stream to a machine, if all of it is valid.
 *
 * @returns the run state in the stream
 * @throws {StreamError} when the stream does not match the machine
 */
export function applyStream(
  bytes: Uint8Array,
  host: MigrationHost,
  ramOrigin: RamOrigin,
  capabilities: MigrationCapabilities,
  fileOffset?: number,
): RunState {
  const ignoresFiles = capabilities.has("x-ignore-shared");
  const ram = host.ramBlocks();
  const blocks = ram.map(({ name, usedLength, isSharedFile }) => ({
    name,
    usedLength,
    isLeftOut: ignoresFiles && isSharedFile,
  }));
  const loaded: { runState?: RunState } = {};
  loadStream(bytes, {
    machine: host.machineType,
    capabilities: capabilities.ofTheLayout,
    fileOffset,
    ...host.uuid === undefined ? {} : { uuid: uuidBytes(host.uuid) },
    ram: ramOrigin === "preserved" ? { blocks } : {
      blocks,
      page(name, offset, page) {
        ram.find((block) => block.name === name)?.bytes.set(page, offset);
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
