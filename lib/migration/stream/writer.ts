import { Sink } from "../../stream/mod.ts";
import {
  describeState,
  saveState,
  type VmsdEntry,
  vmsdJson,
  type VmState,
} from "../../vmstate/mod.ts";
import { writeCommand } from "./commands.ts";
import {
  type Configuration,
  configurationBody,
  configurationState,
} from "./configuration.ts";
import { RAM_SECTION, RecordType } from "./constants.ts";
import {
  type SectionHeader,
  writeSectionFooter,
  writeSectionHeader,
  writeStreamHeader,
} from "./framing.ts";
import { PLAIN_RAM_LAYOUT, type RamBlock } from "./ram_block.ts";
import { RamWriter } from "./ram_writer.ts";
import { qemuJson } from "./vmdesc_text.ts";

/** A device's state on its way out. */
export interface OutgoingSection<V extends object> {
  /** Unique in the stream. */
  readonly sectionId: number;
  /** "<bus path>/<vmsd name>", or the bare name. */
  readonly idstr: string;
  readonly instanceId: number;
  readonly state: VmState<V>;
  readonly value: V;
}

/**
 * Writes a precopy stream in QEMU's order:
 * header, configuration, ramSetup, page…, command, ramEnd, deviceFull…, end.
 *
 * Nothing is sent by itself: what has gathered in the sink is the caller's to
 * drain, between calls, as often as it likes.
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
  readonly #ram: RamWriter;
  readonly #devices: Record<string, unknown>[] = [];
  #configuration: VmsdEntry | undefined;
  #ramSectionId = 0;
  #inPart = false;

  constructor(
    /** Where the bytes gather. */
    readonly sink: Sink = new Sink(),
  ) {
    this.#ram = new RamWriter(sink);
  }

  /** Magic and version. */
  header(): void {
    writeStreamHeader(this.sink);
  }

  /** The CONFIGURATION record. */
  configuration(configuration: Configuration): void {
    const body = configurationBody(configuration);
    this.sink.u8(RecordType.CONFIGURATION);
    saveState(configurationState, body, this.sink);
    this.#configuration = describeState(configurationState, body);
  }

  /** The START section of RAM: which blocks there are. */
  ramSetup(blocks: readonly RamBlock[], sectionId = 1): void {
    this.#ramSectionId = sectionId;
    writeSectionHeader(this.sink, RecordType.SECTION_START, {
      ...RAM_SECTION,
      sectionId,
    });
    this.#ram.blockList(blocks);
    writeSectionFooter(this.sink, sectionId);
  }

  /**
   * One page of guest memory, in a PART section that opens by itself. Modes
   * that keep RAM in place send none.
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
    if (!this.#inPart) {
      this.#inPart = true;
      this.sink.u8(RecordType.SECTION_PART);
      this.sink.u32(this.#ramSectionId);
    }
    this.#ram.page(block, offset, bytes);
  }

  /** A command without payload. */
  command(command: number): void {
    this.#endPart();
    writeCommand(this.sink, { command, payload: new Uint8Array(0) });
  }

  /** The END section of RAM. */
  ramEnd(): void {
    this.#endPart();
    this.sink.u8(RecordType.SECTION_END);
    this.sink.u32(this.#ramSectionId);
    this.#ram.end();
    writeSectionFooter(this.sink, this.#ramSectionId);
  }

  /**
   * A FULL section.
   *
   * @throws {VmstateError} when the value does not fit its description; the
   * stream is then of no use
   */
  deviceFull<V extends object>(section: OutgoingSection<V>): void {
    const { sectionId, idstr, instanceId, state, value } = section;
    const header: SectionHeader = {
      sectionId,
      idstr,
      instanceId,
      version: state.version,
    };
    this.#endPart();
    writeSectionHeader(this.sink, RecordType.SECTION_FULL, header);
    saveState(state, value, this.sink, {
      section: idstr,
      instance: instanceId,
    });
    writeSectionFooter(this.sink, sectionId);
    this.#devices.push({
      name: idstr,
      instance_id: instanceId,
      ...vmsdJson(describeState(state, value)),
    });
  }

  /** EOF, and the description of all that was written. */
  end(): void {
    this.#endPart();
    const description = new TextEncoder().encode(qemuJson({
      ...this.#configuration === undefined
        ? {}
        : { configuration: vmsdJson(this.#configuration) },
      page_size: PLAIN_RAM_LAYOUT.pageSize,
      devices: this.#devices,
    }));
    this.sink.u8(RecordType.EOF);
    this.sink.u8(RecordType.VMDESCRIPTION);
    this.sink.u32(description.length);
    this.sink.bytes(description);
  }

  #endPart(): void {
    if (!this.#inPart) return;
    this.#inPart = false;
    this.#ram.end();
    writeSectionFooter(this.sink, this.#ramSectionId);
  }
}
