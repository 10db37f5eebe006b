/** Reads the sections of a stream: guest memory, devices, and what is neither. @module */

import { type Source, StreamError } from "../../stream/mod.ts";
import { RAM_SECTION, RecordType } from "./constants.ts";
import { FieldDecoder } from "./decode_fields.ts";
import type { DeviceSection, OpaqueSection, RamSection } from "./decoded.ts";
import type { DescribedDevices } from "./described_devices.ts";
import { MigrationStreamError, type StreamLocation } from "./error.ts";
import { findSectionEnd } from "./find_sections.ts";
import {
  readSectionFooter,
  readSectionHeader,
  type SectionHeader,
} from "./framing.ts";
import { hex } from "./hex.ts";
import { PageRuns } from "./page_runs.ts";
import {
  PLAIN_RAM_LAYOUT,
  type RamBlock,
  type RamLayout,
} from "./ram_block.ts";
import { RamReader, type RamVisitor } from "./ram_records.ts";
import type { VmsdDescription } from "./vmdesc.ts";

/**
 * Bytes of guest memory between two calls of `passed`: few enough to hold,
 * and enough for what a call costs.
 */
const PASSED_STEP = 8 * 1024 * 1024;

/** Values that a description may say beyond one a byte of the stream. */
const SPARE_VALUES = 65_536;
/**
 * Values of the largest stream: a VM of 2000 vCPUs has not half of them, and
 * each takes far more memory than it has bytes.
 */
const MOST_VALUES = 2_000_000;
/** Any section of a stream, or a piece of one. */
export type Section = DeviceSection | RamSection | OpaqueSection;

/** Knows which sections began, and which one is being read. */
export class SectionReader {
  /** Of guest memory; what it depends on comes before it. */
  layout: RamLayout = PLAIN_RAM_LAYOUT;
  readonly #stream: Uint8Array;
  readonly #source: Source;
  readonly #fields: FieldDecoder;
  readonly #iterated = new Map<number, SectionHeader>();
  /** Sections that began, by name and instance. */
  readonly #begun = new Set<string>();
  readonly #passed: (offset: number) => void;
  #nextPassed = PASSED_STEP;
  #ram: RamReader | undefined;
  #ramId: number | undefined;
  /** Known after the first section. */
  #hasFooters: boolean | undefined;
  /** The section being read, for messages. */
  #current: SectionHeader | undefined;
  /** What came so far of the guest memory that is being read. */
  #unfinished: (() => RamSection) | undefined;

  /** @param passed told now and then how far guest memory was passed over */
  constructor(
    stream: Uint8Array,
    source: Source,
    passed: (offset: number) => void,
  ) {
    this.#stream = stream;
    this.#source = source;
    this.#passed = passed;
    const budget = Math.min(stream.length, MOST_VALUES) + SPARE_VALUES;
    this.#fields = new FieldDecoder(source, budget);
  }

  /** False where the sender was told to leave footers out. */
  get hasFooters(): boolean {
    return this.#hasFooters ?? true;
  }

  /** The section and field being read. */
  get place(): Omit<StreamLocation, "offset"> {
    const { path } = this.#fields;
    return {
      section: this.#current?.idstr,
      instance: this.#current?.instanceId,
      field: path === "" ? undefined : path,
    };
  }

  /** Guest memory up to where it could not be read any further. */
  get unfinished(): RamSection | undefined {
    return this.#unfinished?.();
  }

  /** Ends a section: its footer follows. */
  end<S extends Section>(section: S): S {
    const { sectionId, name, instanceId, version } = section;
    this.#footer({ sectionId, idstr: name, instanceId, version });
    this.#current = undefined;
    this.#unfinished = undefined;
    return section;
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

  /** Reads what follows the type byte of START. */
  start(offset: number): RamSection | OpaqueSection {
    const header = this.#header();
    this.#iterated.set(header.sectionId, header);
    return header.idstr === RAM_SECTION.idstr
      ? this.#ramStart(header, offset)
      : this.#opaque(header, "start", offset);
  }

  /** Reads what follows the type byte of PART or END. */
  more(
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
    this.#ram = new RamReader(this.layout);
    this.#ramId = header.sectionId;
    const start = this.#source.offset;
    const pages = new PageRuns(this.layout.pageSize);
    let blocks: readonly RamBlock[] = [];
    const section = (): RamSection => ({
      type: "start",
      ...this.#place(header, offset, start),
      blocks,
      pages,
    });
    this.#unfinished = section;
    this.#ram.readStart(this.#source, {
      ...this.#pagesInto(pages),
      blockList: (list) => blocks = list,
    });
    return section();
  }

  #ramMore(
    ram: RamReader,
    header: SectionHeader,
    type: "part" | "end",
    offset: number,
  ): RamSection {
    const start = this.#source.offset;
    const pages = new PageRuns(this.layout.pageSize);
    const section = (): RamSection => ({
      type,
      ...this.#place(header, offset, start),
      pages,
    });
    this.#unfinished = section;
    ram.readPages(this.#source, this.#pagesInto(pages));
    return section();
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

  /** Reads what follows the type byte of FULL. */
  device(offset: number, devices: DescribedDevices): DeviceSection {
    const header = this.#header();
    const start = this.#source.offset;
    const device = devices.next(header, start);
    const state = device.vmsd === undefined
      ? this.#source.bytes(device.size)
      : device.hasNull
      ? this.#bodyOrBytes(device.vmsd, header, start)
      : this.#fields.body(device.vmsd);
    return { type: "full", ...this.#place(header, offset, start), state };
  }

  /** What is not as it is described is left as bytes, up to its footer. */
  #bodyOrBytes(
    vmsd: VmsdDescription,
    { sectionId }: SectionHeader,
    start: number,
  ): DeviceSection["state"] {
    const source = this.#source;
    const end = this.#hasFooters === false
      ? undefined
      : findSectionEnd(this.#stream, start, sectionId, this.#iterated);
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

  #problem(
    problem: string,
    offset: number = this.#source.offset,
  ): MigrationStreamError {
    return new MigrationStreamError(problem, { offset });
  }
}
