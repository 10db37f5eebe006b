import { type Source, StreamError, TornStreamError } from "../../stream/mod.ts";
import { VmstateError } from "../../vmstate/mod.ts";
import { RAM_SECTION, RecordType } from "./framing.ts";
import { FieldDecoder, type HandWritten } from "./decode_fields.ts";
import type {
  DecodedRecord,
  DecodedStream,
  DeviceSection,
  OpaqueSection,
} from "./decoded.ts";
import { DescribedDevices, type VmsdDescription } from "./vmdesc.ts";
import { MigrationStreamError, type StreamAction } from "./error.ts";
import { LayoutDecoder } from "./layouts/layouts.ts";
import { findVmdesc } from "./find_places.ts";
import { openPackage } from "./packaged.ts";
import { PageRuns } from "./page_runs.ts";
import type { RamBlock } from "./ram_block.ts";
import { RamReader, type RamVisitor } from "./ram_records.ts";
import {
  type CommandRecord,
  type PieceHead,
  type RecordOptions,
  RecordReader,
  type SectionHead,
} from "./records.ts";

/**
 * Decodes any precopy stream by its vmdesc. Guest pages are not read, so that
 * only parts of a mapped file are loaded. Byte values are views of the stream.
 *
 * @throws {MigrationStreamError} naming section, instance, field and offset
 */
export function decodeStream(
  stream: Uint8Array,
  options: DecodeOptions = {},
): DecodedStream {
  const { decoded, problem } = decodeStreamUpToProblem(stream, options);
  if (problem !== undefined) throw problem;
  return decoded;
}

/**
 * Like {@linkcode decodeStream}, but for a damaged stream returns the records
 * before the problem, and the problem.
 */
export function decodeStreamUpToProblem(
  stream: Uint8Array,
  options: DecodeOptions = {},
): { decoded: DecodedStream; problem: MigrationStreamError | undefined } {
  const decoder = new StreamDecoder(stream, options);
  const problem = decoder.decode();
  return { decoded: decoder.decoded(), problem };
}

/** Options for decoding. */
export interface DecodeOptions extends Omit<RecordOptions, "start"> {
  /** For messages. */
  readonly file?: string;
  /**
   * With "load", the states of devices are left as bytes, since the loader has
   * its own descriptions.
   */
  readonly action?: StreamAction;
  /**
   * Whether states that devices write by hand are decoded as well: virtio, PCI
   * configuration space, MSI-X. Default: they are bytes.
   */
  readonly layouts?: boolean;
  /**
   * Called from time to time while guest memory is skipped, with the offset up
   * to which the stream is not needed soon.
   */
  readonly passed?: (offset: number) => void;
}

/**
 * Bytes of guest memory between two calls of `passed`, which limits the memory
 * in use.
 */
const PASSED_STEP = 8 * 1024 * 1024;

/** Values that are allowed in addition to one for each byte of the stream. */
const SPARE_VALUES = 65_536;
/**
 * More than the values of a VM with 700 vCPUs. A value takes much more memory
 * than its bytes in the stream.
 */
const MOST_VALUES = 1_200_000;

/** Machines with virtio devices whose guests begin big-endian. */
const BIG_ENDIAN_MACHINES: readonly string[] = ["pseries", "s390"];

class StreamDecoder {
  readonly #reader: RecordReader;
  readonly #source: Source;
  readonly #handWritten: HandWritten | undefined;
  readonly #fields: FieldDecoder;
  #nextPassed = PASSED_STEP;
  readonly #records: DecodedRecord[] = [];
  #ram: RamReader | undefined;
  /** Known after the first device. */
  #hasVmdesc: boolean | undefined;
  #devices: DescribedDevices | undefined;
  #opaqueTail: DecodedStream["opaqueTail"];
  #trailing: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly stream: Uint8Array,
    private readonly options: DecodeOptions,
  ) {
    this.#reader = new RecordReader(stream, options);
    this.#source = this.#reader.source;
    const budget = Math.min(stream.length, MOST_VALUES) + SPARE_VALUES;
    this.#handWritten = options.layouts === true
      ? {
        layouts: new LayoutDecoder(),
        isBigEndian: () => this.#isBigEndian(),
      }
      : undefined;
    this.#fields = new FieldDecoder(this.#source, budget, this.#handWritten);
  }

  /** @returns why it cannot be read further; undefined at its end */
  decode(): MigrationStreamError | undefined {
    const reader = this.#reader;
    try {
      reader.begin();
      for (const record of reader) {
        if (record.type === "command") this.#command(record);
        else if (record.type === "full") {
          if (!this.#canTell(record)) return this.#leaveTail();
          this.#add(this.#device(record));
        } else if (record.name === RAM_SECTION.name) this.#memory(record);
        else this.#add(this.#opaque(record));
      }
      this.#trailing = this.#end();
      return undefined;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      const { offset } = reader;
      const isDevice = this.stream[offset] === RecordType.SECTION_FULL;
      if (isDevice && this.#hasVmdesc !== true) {
        this.#opaqueTail = { offset, bytes: this.stream.subarray(offset) };
      }
      return this.#located(error);
    }
  }

  #isBigEndian(): boolean {
    const { machine = "" } = this.#reader.configuration ?? {};
    return BIG_ENDIAN_MACHINES.some((name) => machine.startsWith(name));
  }

  /** The result so far. */
  decoded(): DecodedStream {
    const { configuration, layout, hasFooters = true } = this.#reader;
    return {
      input: this.stream,
      configuration,
      layout,
      hasFooters,
      records: this.#records,
      opaqueTail: this.#opaqueTail,
      vmdesc: this.#devices?.vmdesc,
      trailing: this.#trailing,
    };
  }

  #add(section: DeviceSection | OpaqueSection): void {
    this.#reader.end();
    this.#records.push(section);
  }

  /** Whether vmdesc or a footer gives the length of a device's state. */
  #canTell({ offset }: SectionHead): boolean {
    const reader = this.#reader;
    if (this.#hasVmdesc === undefined) {
      const place = findVmdesc(this.stream, offset);
      this.#hasVmdesc = place !== undefined;
      const { current } = reader;
      // An error in vmdesc is not reported as one of the device.
      reader.current = undefined;
      if (place !== undefined) this.#describe(place.offset, place.text);
      reader.current = current;
    }
    return this.#hasVmdesc || reader.hasFooters !== false;
  }

  /**
   * Leaves the rest of the stream, from a device on, as bytes.
   *
   * @throws {MigrationStreamError} when it does not end with EOF
   */
  #leaveTail(): undefined {
    const { offset } = this.#reader;
    this.#opaqueTail = { offset, bytes: this.stream.subarray(offset) };
    if (this.stream.at(-1) === RecordType.EOF) return;
    throw this.#reader.problem(
      "the stream ends in it, or in what follows",
      this.stream.length,
    );
  }

  #describe(offset: number, text: Uint8Array): void {
    const { pageSize } = this.#reader.layout;
    this.#devices = new DescribedDevices(offset, text, pageSize);
  }

  /** Keeps the part of a piece before a problem. */
  #memory(head: PieceHead): void {
    const reader = this.#reader;
    const start = this.#source.offset;
    const pages = new PageRuns(reader.layout.pageSize);
    let blocks: readonly RamBlock[] | undefined;
    try {
      if (head.type === "start") {
        if (head.version !== RAM_SECTION.version) {
          throw reader.problem(`unsupported version ${head.version}`);
        }
        if (this.#ram !== undefined) throw reader.problem("it starts twice");
        this.#ram = new RamReader(this.#source, reader.layout);
        blocks = this.#ram.readBlocks();
      }
      this.#ram?.readPages(this.#pagesInto(pages));
    } finally {
      const size = this.#source.offset - start;
      const section = { ...head, size, pages };
      this.#records.push(
        blocks === undefined ? section : { ...section, blocks },
      );
    }
    reader.end();
  }

  #pagesInto(pages: PageRuns): RamVisitor {
    const tell = () => {
      const { offset } = this.#source;
      if (offset < this.#nextPassed) return;
      this.#nextPassed = offset + PASSED_STEP;
      this.options.passed?.(offset);
    };
    return {
      page: (record) => {
        pages.add(record);
        tell();
      },
      more: (count) => {
        pages.extend(count);
        tell();
      },
      flush: () => pages.addFlush(),
    };
  }

  #command(record: CommandRecord): void {
    const { packaged } = record;
    const isOpened = packaged !== undefined &&
      this.#handWritten !== undefined && this.#reader.hasFooters !== false;
    if (!isOpened) return void this.#records.push(record);
    const opened = openPackage(
      this.stream,
      packaged.byteOffset - this.stream.byteOffset,
      packaged.length,
      (...section) => this.#undescribed(...section),
    );
    this.#records.push({ ...record, package: opened });
  }

  #opaque(head: PieceHead): OpaqueSection {
    const bytes = this.#reader.undescribed();
    const { type: piece } = head;
    return { ...head, type: "opaque", piece, size: bytes.length, bytes };
  }

  #device(head: SectionHead<"full">): DeviceSection {
    const start = this.#source.offset;
    const state = this.#state(head, start);
    return { ...head, size: this.#source.offset - start, state };
  }

  #state(head: SectionHead, start: number): DeviceSection["state"] {
    const device = this.#devices?.next(head, start);
    if (device === undefined) {
      return this.#undescribed(head, this.#reader.undescribed(), start);
    }
    const { vmsd, size, hasNull } = device;
    if (vmsd === undefined || this.options.action === "load") {
      return this.#source.bytes(size);
    }
    return hasNull ? this.#bodyOrBytes(vmsd, start) : this.#fields.body(vmsd);
  }

  /** The state of a section without a description. */
  #undescribed(
    head: SectionHead,
    bytes: Uint8Array,
    offset: number,
  ): DeviceSection["state"] {
    const { layouts, isBigEndian } = this.#handWritten ?? {};
    const isBig = isBigEndian?.() ?? false;
    return layouts?.section(head, bytes, offset, isBig) ?? bytes;
  }

  /** A state that does not match vmdesc is left as bytes, up to its footer. */
  #bodyOrBytes(vmsd: VmsdDescription, start: number): DeviceSection["state"] {
    const source = this.#source;
    const end = this.#reader.findFooter();
    if (end === undefined) return this.#fields.body(vmsd);
    try {
      const state = this.#fields.body(vmsd);
      if (source.offset === end) return state;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#fields.reset();
    }
    source.seek(start);
    return source.bytes(end - start);
  }

  /** Reads the part after EOF; returns the bytes after the stream. */
  #end(): Uint8Array {
    const source = this.#source;
    const { offset } = source;
    // A stream without devices may still have a vmdesc.
    if (
      this.#devices === undefined &&
      source.peek() === RecordType.VMDESCRIPTION
    ) {
      source.skip(1);
      const size = source.u32();
      if (size > source.remaining) {
        throw this.#reader.problem(
          `vmdesc has ${size} bytes, of which the stream has ` +
            source.remaining,
          this.stream.length,
        );
      }
      if (this.#hasVmdesc === false) {
        throw this.#reader.problem("vmdesc is no JSON object", offset);
      }
      this.#describe(offset, source.bytes(size));
      source.seek(offset);
    }
    if (this.#devices !== undefined) {
      this.#devices.checkEnd(offset);
      source.skip(1);
      source.skip(source.u32());
    }
    return source.bytes(source.remaining);
  }

  /** Adds section and field to an error of a lower layer. */
  #located(error: StreamError): MigrationStreamError {
    const { offset, current } = this.#reader;
    const known =
      error instanceof VmstateError || error instanceof MigrationStreamError
        ? error
        : undefined;
    const { section, instance } = known?.location.section === undefined
      ? { section: current?.name, instance: current?.instanceId }
      : known.location;
    const { path } = this.#fields;
    const isTorn = error instanceof TornStreamError;
    const isCut = isTorn && section === undefined &&
      0 < offset && offset < this.stream.length;
    return new MigrationStreamError(
      isCut
        ? `the stream ends in the record at ${offset}`
        : isTorn
        ? "the stream ends here"
        : known?.problem ?? error.message,
      {
        section,
        instance,
        field: known?.location.field ?? (path === "" ? undefined : path),
        offset: error.offset,
        file: this.options.file,
      },
      { action: this.options.action ?? "decode", cause: error.cause },
    );
  }
}
