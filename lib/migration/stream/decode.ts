import { Sink, Source, StreamError } from "../../stream/mod.ts";
import { loadState, saveState, VmstateError } from "../../vmstate/mod.ts";
import { readCommand } from "./commands.ts";
import {
  type Configuration,
  configurationBody,
  configurationOf,
  configurationState,
} from "./configuration.ts";
import { Command, RAM_SECTION, RecordType } from "./constants.ts";
import { FieldDecoder } from "./decode_fields.ts";
import type {
  CommandRecord,
  DecodedRecord,
  DecodedStream,
  DeviceSection,
  OpaqueSection,
  RamSection,
} from "./decoded.ts";
import { DescribedDevices } from "./described_devices.ts";
import { MigrationStreamError, problemText } from "./error.ts";
import { findSectionEnd } from "./find_sections.ts";
import { findPageSize, findVmdesc } from "./find_vmdesc.ts";
import {
  readSectionFooter,
  readSectionHeader,
  readStreamHeader,
  type SectionHeader,
} from "./framing.ts";
import { hex } from "./hex.ts";
import { PageRuns } from "./page_runs.ts";
import {
  PAGE_BITS,
  PLAIN_RAM_LAYOUT,
  type RamBlock,
  type RamLayout,
} from "./ram_block.ts";
import { RamReader, type RamVisitor } from "./ram_records.ts";

/**
 * Takes apart any precopy stream by its own description. Only headers of
 * guest pages are touched, so that a file that is mapped into memory is not
 * read as a whole. Values are views of the stream where they are bytes.
 *
 * @throws {MigrationStreamError} naming section, instance, field and offset
 */
export function decodeStream(
  stream: Uint8Array,
  options: DecodeOptions = {},
): DecodedStream {
  const decoder = new StreamDecoder(stream, options);
  decoder.decode();
  return decoder.decoded();
}

/**
 * As {@linkcode decodeStream}, and where the stream cannot be read to its end,
 * all records before the problem, and the problem.
 */
export function decodeStreamUpToProblem(
  stream: Uint8Array,
  options: DecodeOptions = {},
): { decoded: DecodedStream; problem: MigrationStreamError | undefined } {
  const decoder = new StreamDecoder(stream, options);
  try {
    decoder.decode();
    return { decoded: decoder.decoded(), problem: undefined };
  } catch (error) {
    if (!(error instanceof MigrationStreamError)) throw error;
    return { decoded: decoder.decoded(), problem: error };
  }
}

/** What the stream is called, and who wants to know how far it is. */
export interface DecodeOptions {
  /** For messages. */
  readonly file?: string;
  /**
   * Told now and then, while guest memory is passed over, up to which offset
   * nothing will be looked at again soon.
   */
  readonly passed?: (offset: number) => void;
}

/**
 * Bytes of guest memory between two calls of `passed`: few enough to hold,
 * and enough for what a call costs.
 */
const PASSED_STEP = 8 * 1024 * 1024;

/** Values that a description may say beyond one a byte of the stream. */
const SPARE_VALUES = 65_536;
/** Type byte and section id. */
const FOOTER_SIZE = 5;

class StreamDecoder {
  readonly #stream: Uint8Array;
  readonly #source: Source;
  readonly #fields: FieldDecoder;
  readonly #records: DecodedRecord[] = [];
  readonly #iterated = new Map<number, SectionHeader>();
  /** Sections that began, by name and instance. */
  readonly #begun = new Set<string>();
  readonly #passed: (offset: number) => void;
  readonly #file: string | undefined;
  #nextPassed = PASSED_STEP;
  #configuration: Configuration | undefined;
  #layout: RamLayout = PLAIN_RAM_LAYOUT;
  #ram: RamReader | undefined;
  /** Known after the first section. */
  #hasFooters: boolean | undefined;
  #devices: DescribedDevices | undefined;
  /** The section being read, for messages. */
  #current: SectionHeader | undefined;
  #ramId: number | undefined;
  #opaqueTail: DecodedStream["opaqueTail"];
  #trailing: Uint8Array = new Uint8Array(0);

  constructor(stream: Uint8Array, { file, passed = () => {} }: DecodeOptions) {
    this.#stream = stream;
    this.#file = file;
    this.#passed = passed;
    this.#source = new Source(stream);
    this.#fields = new FieldDecoder(
      this.#source,
      stream.length + SPARE_VALUES,
    );
  }

  decode(): void {
    try {
      readStreamHeader(this.#source);
      this.#configuration = this.#readConfiguration();
      this.#layout = this.#layoutOf(this.#configuration);
      this.#opaqueTail = this.#walk();
      if (this.#opaqueTail === undefined) this.#trailing = this.#end();
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** What was read so far. */
  decoded(): DecodedStream {
    return {
      input: this.#stream,
      configuration: this.#configuration,
      layout: this.#layout,
      hasFooters: this.#hasFooters ?? true,
      records: this.#records,
      opaqueTail: this.#opaqueTail,
      vmdesc: this.#devices?.vmdesc,
      trailing: this.#trailing,
    };
  }

  #readConfiguration(): Configuration | undefined {
    const source = this.#source;
    if (source.peekByte() !== RecordType.CONFIGURATION) return undefined;
    source.skip(1);
    const start = source.offset;
    const configuration = configurationOf(
      loadState(configurationState, source),
    );
    // Order and versions of the subsections are not kept: they are fixed.
    const sink = new Sink();
    saveState(configurationState, configurationBody(configuration), sink);
    const again = sink.toBytes();
    const isSame = source.offset - start === again.length &&
      again.every((byte, index) => byte === this.#stream[start + index]);
    if (!isSame) {
      throw this.#problem("the configuration is not as QEMU writes it", start);
    }
    return configuration;
  }

  /**
   * A target says how large its pages are where it could have larger ones
   * than its smallest; of others only vmdesc tells, which ends the stream.
   */
  #layoutOf(configuration: Configuration | undefined): RamLayout {
    const { capabilities = [], targetPageBits } = configuration ?? {};
    const { offset } = this.#source;
    if (
      targetPageBits !== undefined &&
      (targetPageBits < PAGE_BITS.least || targetPageBits > PAGE_BITS.most)
    ) {
      throw this.#problem(`pages of ${targetPageBits} bits`, offset);
    }
    const pageSize = targetPageBits === undefined
      ? findPageSize(this.#stream, offset)
      : 2 ** targetPageBits;
    return {
      pageSize: pageSize ?? PLAIN_RAM_LAYOUT.pageSize,
      ignoreShared: capabilities.includes("x-ignore-shared"),
      mappedRam: capabilities.includes("mapped-ram"),
      hugePageSizes: 0n,
    };
  }

  /** Reads records up to EOF, or to a device that nothing describes. */
  #walk(): DecodedStream["opaqueTail"] {
    for (;;) {
      const offset = this.#source.offset;
      const type = this.#source.u8();
      switch (type) {
        case RecordType.EOF:
          return undefined;
        case RecordType.SECTION_START:
          this.#add(this.#start(offset));
          break;
        case RecordType.SECTION_PART:
        case RecordType.SECTION_END:
          this.#add(this.#more(offset, type));
          break;
        case RecordType.SECTION_FULL: {
          const devices = this.#findDevices(offset);
          if (devices === undefined) return this.#tail(offset);
          this.#add(this.#device(offset, devices));
          break;
        }
        case RecordType.COMMAND:
          this.#records.push(this.#command(offset));
          break;
        default:
          throw this.#problem(`unknown record type ${hex(type)}`, offset);
      }
    }
  }

  #add(section: DeviceSection | RamSection | OpaqueSection): void {
    const { sectionId, name, instanceId, version } = section;
    this.#footer({ sectionId, idstr: name, instanceId, version });
    this.#records.push(section);
    this.#current = undefined;
  }

  /** The first section tells whether sections have footers at all. */
  #footer(header: SectionHeader): void {
    this.#hasFooters ??= this.#source.peek() === RecordType.SECTION_FOOTER;
    if (this.#hasFooters) readSectionFooter(this.#source, header);
  }

  #header(): SectionHeader {
    const header = readSectionHeader(this.#source);
    this.#current = header;
    const key = `${header.idstr}\0${header.instanceId}`;
    if (this.#begun.has(key)) throw this.#problem("it comes twice");
    this.#begun.add(key);
    return header;
  }

  #place(header: SectionHeader, offset: number, start: number) {
    const { sectionId, idstr, instanceId, version } = header;
    return {
      sectionId,
      name: idstr,
      instanceId,
      version,
      offset,
      size: this.#source.offset - start,
    };
  }

  #start(offset: number): RamSection | OpaqueSection {
    const header = this.#header();
    this.#iterated.set(header.sectionId, header);
    return header.idstr === RAM_SECTION.idstr
      ? this.#ramStart(header, offset)
      : this.#opaque(header, "start", offset);
  }

  #more(
    offset: number,
    type: typeof RecordType.SECTION_PART | typeof RecordType.SECTION_END,
  ): RamSection | OpaqueSection {
    const sectionId = this.#source.u32();
    const header = this.#iterated.get(sectionId);
    if (header === undefined) {
      throw this.#problem(
        `section id ${hex(sectionId)} was not started`,
        offset,
      );
    }
    this.#current = header;
    const piece = type === RecordType.SECTION_PART ? "part" : "end";
    return this.#ram !== undefined && sectionId === this.#ramId
      ? this.#ramMore(this.#ram, header, piece, offset)
      : this.#opaque(header, piece, offset);
  }

  #ramStart(header: SectionHeader, offset: number): RamSection {
    if (header.version !== RAM_SECTION.version) {
      throw this.#problem(`unsupported version ${header.version}`);
    }
    if (this.#ram !== undefined) throw this.#problem("it starts twice");
    this.#ram = new RamReader(this.#layout);
    this.#ramId = header.sectionId;
    const start = this.#source.offset;
    const pages = new PageRuns(this.#layout.pageSize);
    let blocks: readonly RamBlock[] = [];
    this.#ram.readStart(this.#source, {
      ...this.#pagesInto(pages),
      blockList: (list) => blocks = list,
    });
    return {
      type: "start",
      ...this.#place(header, offset, start),
      blocks,
      pages,
    };
  }

  #ramMore(
    ram: RamReader,
    header: SectionHeader,
    type: "part" | "end",
    offset: number,
  ): RamSection {
    const start = this.#source.offset;
    const pages = new PageRuns(this.#layout.pageSize);
    ram.readPages(this.#source, this.#pagesInto(pages));
    return { type, ...this.#place(header, offset, start), pages };
  }

  #pagesInto(pages: PageRuns): RamVisitor {
    return {
      page: (record) => {
        pages.add(record);
        this.#tellPassed();
      },
      more: (count) => {
        pages.extend(count);
        this.#tellPassed();
      },
      flush: () => pages.addFlush(),
    };
  }

  #tellPassed(): void {
    const { offset } = this.#source;
    if (offset < this.#nextPassed) return;
    this.#nextPassed = offset + PASSED_STEP;
    this.#passed(offset);
  }

  /** Nothing says how long it is: it ends where its footer stands. */
  #opaque(
    header: SectionHeader,
    piece: OpaqueSection["piece"],
    offset: number,
  ): OpaqueSection {
    const start = this.#source.offset;
    const end = this.#hasFooters === false
      ? undefined
      : findSectionEnd(this.#stream, start, header.sectionId, this.#iterated);
    if (end === undefined) {
      throw this.#problem(
        "its state comes in parts, of which only its own code knows the length",
      );
    }
    const bytes = this.#source.bytes(end - start);
    return {
      type: "opaque",
      piece,
      ...this.#place(header, offset, start),
      bytes,
    };
  }

  /** Looks for the description when the first device comes. */
  #findDevices(offset: number): DescribedDevices | undefined {
    if (this.#devices === undefined) {
      const place = findVmdesc(this.#stream, offset);
      if (place !== undefined) this.#describe(place.offset, place.text);
    }
    return this.#devices;
  }

  /**
   * Nothing but its last bytes can be told of the rest: a stream that was cut
   * does not end with a footer and EOF.
   */
  #tail(offset: number): { offset: number; bytes: Uint8Array } {
    this.#source.seek(offset);
    const bytes = this.#source.bytes(this.#source.remaining);
    const isWhole = bytes.at(-1) === RecordType.EOF &&
      (this.#hasFooters === false ||
        bytes.at(-1 - FOOTER_SIZE) === RecordType.SECTION_FOOTER);
    if (isWhole) return { offset, bytes };
    throw this.#problem("the stream ends among its devices, or after them");
  }

  #describe(offset: number, text: Uint8Array): void {
    this.#devices = new DescribedDevices(offset, text, this.#layout.pageSize);
  }

  #device(offset: number, devices: DescribedDevices): DeviceSection {
    const header = this.#header();
    const start = this.#source.offset;
    const { vmsd, size } = devices.next(header, start);
    const state = vmsd === undefined
      ? this.#source.bytes(size)
      : this.#fields.body(vmsd);
    return { type: "full", ...this.#place(header, offset, start), state };
  }

  #command(offset: number): CommandRecord {
    const { command, payload } = readCommand(this.#source);
    if (command === Command.POSTCOPY_ADVISE && payload.length > 0) {
      const hugePageSizes = new Source(payload).u64();
      this.#layout = { ...this.#layout, hugePageSizes };
    }
    if (command !== Command.PACKAGED) {
      return { type: "command", offset, command, payload };
    }
    const packaged = this.#source.bytes(new Source(payload).u32());
    return { type: "command", offset, command, payload, packaged };
  }

  /** Reads what follows EOF; returns what follows the stream. */
  #end(): Uint8Array {
    const source = this.#source;
    const offset = source.offset;
    // A stream without devices may yet have a description of them all.
    if (
      this.#devices === undefined &&
      source.peek() === RecordType.VMDESCRIPTION
    ) {
      source.skip(1);
      this.#describe(offset, source.bytes(source.u32()));
      source.seek(offset);
    }
    if (this.#devices !== undefined) {
      this.#devices.checkEnd(offset);
      source.skip(1);
      source.skip(source.u32());
    }
    return source.bytes(source.remaining);
  }

  #problem(
    problem: string,
    offset: number = this.#source.offset,
  ): MigrationStreamError {
    return new MigrationStreamError(problem, { offset });
  }

  /** Adds section and field to what the layers below knew not. */
  #located(error: unknown): unknown {
    if (!(error instanceof StreamError)) return error;
    const { section, instance, field = this.#fields.path } =
      error instanceof VmstateError || error instanceof MigrationStreamError
        ? error.location
        : {};
    const current = section === undefined
      ? { section: this.#current?.idstr, instance: this.#current?.instanceId }
      : { section, instance };
    return new MigrationStreamError(
      error instanceof VmstateError ? error.problem : problemText(error),
      {
        ...current,
        field: field === "" ? undefined : field,
        offset: error.offset,
        file: this.#file,
      },
      { action: "decode", cause: error.cause },
    );
  }
}
