import { Sink } from "../../stream/mod.ts";
import {
  describeState,
  saveState,
  type VmsdEntry,
  vmsdJson,
  type VmState,
} from "../../vmstate/mod.ts";
import {
  RAM_SECTION,
  type SectionType,
  writeCommand,
  writeEnd,
  writeSectionFooter,
  writeSectionHeader,
  writeStreamHeader,
} from "./framing.ts";
import {
  type Configuration,
  configurationBody,
  configurationState,
  writeConfiguration,
} from "./configuration.ts";
import {
  mappedBitmapSize,
  type MappedBlock,
  NOT_KEPT,
  placeMapped,
  PLAIN_RAM_LAYOUT,
  type RamBlock,
  writeMappedHeader,
  writeRamBlock,
} from "./ram_block.ts";
import { RamFlag, writePageWord, writeTotal } from "./ram_records.ts";
import { qemuJson } from "./vmdesc_text.ts";

/** A device's state to be written. */
export interface OutgoingSection<V extends object> {
  /** Unique in the stream. */
  readonly sectionId: number;
  /** "<bus path>/<vmsd name>", or the bare name. */
  readonly idstr: string;
  readonly instanceId: number;
  readonly state: VmState<V>;
  readonly value: V;
}

/** Room in the file for a block with mapped-ram. */
export interface MappedRoom {
  readonly name: string;
  /** Offsets in the file. */
  readonly mapped: MappedBlock;
  /** Bytes of the bitmap. */
  readonly size: number;
  /** Bytes of bitmap, gap and pages. */
  readonly length: number;
}

/**
 * Writes a precopy stream in QEMU's order:
 * header, configuration, ramSetup, page…, command, ramEnd, deviceFull…, end.
 *
 * Nothing is sent: the caller drains the sink between calls, as often as it
 * likes.
 *
 * @example
 * ```ts
 * import { Command, StreamWriter } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const writer = new StreamWriter();
 * writer.header();
 * writer.configuration({ machine: "virt" });
 * writer.ramSetup([{ name: "ram0", usedLength: 0x100000 }]);
 * writer.command(Command.SWITCHOVER_START);
 * writer.ramEnd();
 * writer.end();
 * assertEquals(writer.sink.toBytes().subarray(0, 4), Uint8Array.of(81, 69, 86, 77));
 * ```
 */
export class StreamWriter {
  readonly #devices: Record<string, unknown>[] = [];
  #configuration: VmsdEntry | undefined;
  #ramSectionId = 0;
  #inPart = false;
  /** The block of the last page. */
  #block: string | undefined;

  constructor(
    /** Collects the bytes. */
    readonly sink: Sink = new Sink(),
  ) {}

  /** Magic and version. */
  header(): void {
    writeStreamHeader(this.sink);
  }

  /** The CONFIGURATION record. */
  configuration(configuration: Configuration): void {
    writeConfiguration(this.sink, configuration);
    const body = configurationBody(configuration);
    this.#configuration = describeState(configurationState, body);
  }

  /**
   * The START section of RAM: the RAMBlock list.
   *
   * @throws {RangeError} when the size of a block is no multiple of a page: the
   * low bits of the total are flags
   */
  ramSetup(blocks: readonly RamBlock[], sectionId = 1): void {
    this.#ramList(blocks, sectionId);
    for (const block of blocks) writeRamBlock(this.sink, block);
    this.#ramFooter();
  }

  /**
   * The same with mapped-ram, in a file: after each block that is returned the
   * stream continues `length` bytes later, behind the bitmap and the pages.
   *
   * @param fileOffset start of the stream in its file
   * @param isKept whether the pages of a block are in the file
   */
  *ramSetupMapped(
    blocks: readonly RamBlock[],
    sectionId: number,
    fileOffset: number,
    isKept: (block: RamBlock) => boolean,
  ): Generator<MappedRoom, void> {
    this.#ramList(blocks, sectionId);
    for (const block of blocks) {
      writeRamBlock(this.sink, block);
      if (!isKept(block)) {
        writeMappedHeader(this.sink, NOT_KEPT);
        continue;
      }
      const { name, usedLength } = block;
      const mapped = placeMapped(block, fileOffset + this.sink.offset);
      writeMappedHeader(this.sink, mapped);
      const end = mapped.pagesOffset + usedLength;
      yield {
        name,
        mapped,
        size: mappedBitmapSize(block, mapped.pageSize),
        length: end - mapped.bitmapOffset,
      };
    }
    this.#ramFooter();
  }

  #ramList(blocks: readonly RamBlock[], sectionId: number): void {
    for (const { name, usedLength } of blocks) {
      if (usedLength % PLAIN_RAM_LAYOUT.pageSize !== 0) {
        throw new RangeError(`RAM block "${name}" is not whole pages`);
      }
    }
    this.#ramSectionId = sectionId;
    this.#ramHeader("start");
    writeTotal(this.sink, blocks);
  }

  /**
   * One page of guest RAM, in a PART section that begins when needed; a page of
   * zeros takes nine bytes. Modes that preserve RAM send none.
   *
   * @param offset offset in the block, a multiple of 4096
   * @param bytes 4096 bytes
   */
  page(block: string, offset: number, bytes: Uint8Array): void {
    const { pageSize } = PLAIN_RAM_LAYOUT;
    if (offset % pageSize !== 0 || bytes.length !== pageSize) {
      throw new RangeError(
        `Page of ${bytes.length} bytes at ${offset} is not a page`,
      );
    }
    if (!this.#inPart) this.#ramHeader("part");
    this.#inPart = true;
    const kind = isZero(bytes) ? RamFlag.ZERO : RamFlag.PAGE;
    const name = block === this.#block ? undefined : block;
    this.#block = block;
    writePageWord(this.sink, kind, offset, name);
    if (kind === RamFlag.ZERO) this.sink.u8(0);
    else this.sink.bytes(bytes);
  }

  /** A command without payload. */
  command(command: number): void {
    this.#endPart();
    writeCommand(this.sink, { command, payload: new Uint8Array(0) });
  }

  /** The END section of RAM. */
  ramEnd(): void {
    this.#endPart();
    this.#ramHeader("end");
    this.#ramFooter();
  }

  /**
   * A FULL section.
   *
   * @throws {VmstateError} when the value does not fit its description; the
   * stream is then unusable
   */
  deviceFull<V extends object>(section: OutgoingSection<V>): void {
    const { sectionId, idstr: name, instanceId, state, value } = section;
    const { version } = state;
    this.#endPart();
    writeSectionHeader(this.sink, "full", {
      sectionId,
      name,
      instanceId,
      version,
    });
    saveState(state, value, this.sink, { section: name, instance: instanceId });
    writeSectionFooter(this.sink, sectionId);
    this.#devices.push({
      name,
      instance_id: instanceId,
      ...vmsdJson(describeState(state, value)),
    });
  }

  /** EOF, and the vmdesc of everything that was written. */
  end(): void {
    this.#endPart();
    const text = qemuJson({
      ...this.#configuration === undefined
        ? {}
        : { configuration: vmsdJson(this.#configuration) },
      page_size: PLAIN_RAM_LAYOUT.pageSize,
      devices: this.#devices,
    });
    writeEnd(this.sink, new TextEncoder().encode(text));
  }

  #endPart(): void {
    if (this.#inPart) this.#ramFooter();
    this.#inPart = false;
  }

  #ramHeader(type: SectionType): void {
    const sectionId = this.#ramSectionId;
    writeSectionHeader(this.sink, type, { ...RAM_SECTION, sectionId });
  }

  #ramFooter(): void {
    this.sink.size64(RamFlag.EOS);
    writeSectionFooter(this.sink, this.#ramSectionId);
  }
}

/** Compares words if the page is aligned. */
export function isZero(page: Uint8Array): boolean {
  if (page.byteOffset % 4 !== 0 || page.length % 4 !== 0) {
    return page.every((byte) => byte === 0);
  }
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  return words.every((word) => word === 0);
}
