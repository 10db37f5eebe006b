import type { Channel } from "../channel/mod.ts";
import { Sink } from "../stream/mod.ts";
import type { MigrationCapabilities } from "./capabilities.ts";
import { globalState, globalStateOf } from "./global_state.ts";
import type { MigrationHost, RamBlockInfo } from "./host.ts";
import type { MigrationMode } from "./parameters.ts";
import type { RunState } from "./run_state.ts";
import {
  Command,
  isZero,
  type MappedBlock,
  type RamBlock,
  StreamWriter,
  uuidBytes,
} from "./stream/mod.ts";

export const PAGE_SIZE = 4096;

/** RAM is section 1; devices follow, globalstate is last. */
const RAM_SECTION_ID = 1;

/** Bytes that are collected before they are written to the channel. */
const PIECE = 256 * 1024;

/** Writes the stream of a machine to a channel, in QEMU's order. */
export class OutgoingStream {
  readonly #sink = new Sink();
  readonly #writer = new StreamWriter(this.#sink);
  /** With mapped-ram, where the pages of each block are. */
  readonly #mapped = new Map<string, MappedBlock & { bitmap: Uint8Array }>();
  /** The blocks whose pages are sent. */
  readonly #sent: readonly RamBlockInfo[];

  constructor(
    private readonly host: MigrationHost,
    private readonly channel: Channel,
    private readonly capabilities: MigrationCapabilities,
    mode: MigrationMode,
  ) {
    const isPreserved = mode === "cpr-exec" || mode === "cpr-transfer";
    const ignoresFiles = capabilities.has("x-ignore-shared");
    this.#sent = isPreserved
      ? []
      : host.ramBlocks().filter((it) => !(ignoresFiles && it.isSharedFile));
    for (const { dirty } of this.#sent) dirty.fill(1);
  }

  /** Bytes of the stream so far. */
  get transferred(): number {
    return this.#sink.offset;
  }

  /** Bytes of RAM that are still to be sent. */
  get remaining(): number {
    return this.#sent.reduce(
      (sum, { dirty }) =>
        dirty.reduce((pages, isDirty) => pages + isDirty, sum),
      0,
    ) * PAGE_SIZE;
  }

  /** Bytes of RAM in the stream, each page counted once. */
  get total(): number {
    return this.#sent.reduce((sum, { usedLength }) => sum + usedLength, 0);
  }

  /** Header, configuration, and RAMBlock list. */
  async writeSetup(): Promise<void> {
    const { machineType, uuid } = this.host;
    const sendUuid = uuid !== undefined &&
      this.capabilities.has("validate-uuid");
    this.#writer.header();
    this.#writer.configuration({
      machine: machineType,
      capabilities: this.capabilities.ofTheLayout,
      ...sendUuid ? { uuid: uuidBytes(uuid) } : {},
    });
    const hasAddresses = this.capabilities.has("x-ignore-shared");
    const blocks = this.host.ramBlocks()
      .map(({ name, usedLength, guestAddress }) => ({
        name,
        usedLength,
        ...hasAddresses ? { address: BigInt(guestAddress) } : {},
      }));
    if (this.capabilities.has("mapped-ram")) await this.#mapRam(blocks);
    else this.#writer.ramSetup(blocks, RAM_SECTION_ID);
    await this.#flush();
  }

  /** The list with room for the pages of each block. */
  async #mapRam(blocks: readonly RamBlock[]): Promise<void> {
    const { fileOffset = 0 } = this.channel;
    const isKept = ({ name }: RamBlock) =>
      this.#sent.some((block) => block.name === name);
    for (
      const { name, mapped, size, length } of this.#writer.ramSetupMapped(
        blocks,
        RAM_SECTION_ID,
        fileOffset,
        isKept,
      )
    ) {
      await this.#flush();
      this.channel.skip(length);
      this.#sink.skip(length);
      this.#mapped.set(name, { ...mapped, bitmap: new Uint8Array(size) });
    }
  }

  /**
   * Sends every page that was written to since it was last sent.
   *
   * @param pace awaited after each piece; throws if the migration has ended
   */
  async writeDirtyPages(pace: () => void | Promise<void>): Promise<void> {
    for (const { name, bytes, dirty } of this.#sent) {
      for (let page = dirty.indexOf(1); page >= 0;) {
        const offset = page * PAGE_SIZE;
        dirty[page] = 0;
        this.#sendPage(
          name,
          offset,
          bytes.subarray(offset, offset + PAGE_SIZE),
        );
        if (this.#sink.length >= PIECE) {
          await this.#flush();
          await pace();
        }
        page = dirty.indexOf(1, page + 1);
      }
    }
    await this.#flush();
  }

  #sendPage(name: string, offset: number, bytes: Uint8Array): void {
    const mapped = this.#mapped.get(name);
    if (mapped === undefined) return this.#writer.page(name, offset, bytes);
    const { bitmap, pagesOffset } = mapped;
    const page = offset / PAGE_SIZE;
    const bit = 1 << page % 8;
    const at = Math.floor(page / 8);
    const before = bitmap[at] ?? 0;
    // A page of zeros is a hole.
    bitmap[at] = isZero(bytes) ? before & ~bit : before | bit;
    if (!isZero(bytes)) this.channel.writeAt(bytes, pagesOffset + offset);
  }

  /** The end of RAM, every device, globalstate, and vmdesc. */
  async writeDevices(runState: RunState): Promise<void> {
    for (const { bitmap, bitmapOffset } of this.#mapped.values()) {
      this.channel.writeAt(bitmap, bitmapOffset);
    }
    this.#writer.command(Command.SWITCHOVER_START);
    this.#writer.ramEnd();
    let sectionId = RAM_SECTION_ID;
    for (const device of this.host.devices()) {
      this.#writer.deviceFull({
        sectionId: ++sectionId,
        idstr: device.idstr,
        instanceId: device.instanceId,
        state: device.state,
        value: device.save(),
      });
    }
    this.#writer.deviceFull({
      sectionId: ++sectionId,
      idstr: globalState.name,
      instanceId: 0,
      state: globalState,
      value: globalStateOf(runState),
    });
    this.#writer.end();
    await this.#flush();
  }

  #flush(): Promise<void> {
    return this.channel.write(this.#sink.drain());
  }
}
