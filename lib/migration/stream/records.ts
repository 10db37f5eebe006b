/**
 * The records of a stream, one by one, for every reader. Keeps what depends on
 * earlier records: which sections began, whether there are footers, and the
 * layout of RAM.
 *
 * ```
 * begin()   header, configuration
 * for …     the header of a section, or a whole command; the caller reads the
 *           payload from `source`: a section has no length, its end is known
 *           only by a description or its own format
 * end()     the footer
 * ```
 *
 * @module
 */

import { Sink, Source } from "../../stream/mod.ts";
import { loadState } from "../../vmstate/mod.ts";
import {
  Command,
  readCommand,
  readSectionHeader,
  readStreamHeader,
  RecordType,
  type SectionHeader,
  type SectionType,
  type StreamCommand,
} from "./framing.ts";
import {
  type Configuration,
  configurationOf,
  configurationState,
  writeConfiguration,
} from "./configuration.ts";
import { hex, type MigrationStreamError, problemIn } from "./error.ts";
import { isPageBits, PLAIN_RAM_LAYOUT, type RamLayout } from "./ram_block.ts";
import { findPageSize, findSectionEnd } from "./find_places.ts";

/** A command between sections. */
export interface CommandRecord extends StreamCommand {
  readonly type: "command";
  readonly offset: number;
  /** For PACKAGED: the records in it. */
  readonly packaged?: Uint8Array;
}

/** The header of a section, or of a piece of one; the payload comes next. */
export interface SectionHead<Type extends SectionType = SectionType>
  extends SectionHeader {
  readonly type: Type;
  /** Of the type byte. */
  readonly offset: number;
}

/** A piece of a section that is sent in parts. */
export type PieceHead = SectionHead<Exclude<SectionType, "full">>;

/** A record between configuration and EOF. */
export type StreamRecord = CommandRecord | SectionHead<"full"> | PieceHead;

/** Options for reading records. */
export interface RecordOptions {
  /**
   * Maximum number of sections and commands; unlimited by default. Each takes
   * more memory than its bytes.
   */
  readonly maximumRecords?: number | undefined;
  /** Start of the stream in its file; 0 by default. */
  readonly fileOffset?: number | undefined;
  /** Offset of the first record, if header and configuration are not read. */
  readonly start?: number;
}

/** Records that a section counts as: its name is kept as well. */
const FIRST_RECORDS = 2;

/** Whether a section begins. */
function isFirst({ type }: StreamRecord): boolean {
  return type === "full" || type === "start";
}

/** Reads a stream record by record. */
export class RecordReader {
  readonly source: Source;
  /** Of the current record; after EOF, of the next byte. */
  offset: number;
  /** Absent if the sender is configured not to send it. */
  configuration: Configuration | undefined;
  /** Of guest RAM; everything that it depends on comes before it. */
  layout: RamLayout;
  /** The current section. */
  current: SectionHead | undefined;
  /** Known after the first section. */
  hasFooters: boolean | undefined;
  readonly #maximumRecords: number;
  readonly #started = new Map<number, SectionHead>();
  /** Sections that began, by name and instance. */
  readonly #begun = new Set<string>();

  constructor(
    readonly stream: Uint8Array,
    { maximumRecords = Infinity, fileOffset = 0, start = 0 }: RecordOptions =
      {},
  ) {
    this.source = new Source(stream);
    this.source.seek(start);
    this.offset = start;
    this.layout = { ...PLAIN_RAM_LAYOUT, fileOffset };
    this.#maximumRecords = maximumRecords;
  }

  /**
   * Reads header and configuration.
   *
   * @throws {StreamError} when they are malformed
   */
  begin(): void {
    readStreamHeader(this.source);
    this.#configure();
    this.offset = this.source.offset;
  }

  #configure(): void {
    const { source } = this;
    if (source.peekByte() === RecordType.CONFIGURATION) {
      const { offset } = source;
      source.skip(1);
      const configuration = configurationOf(
        loadState(configurationState, source),
      );
      // Order and versions of the subsections are fixed, and not kept.
      const again = new Sink();
      writeConfiguration(again, configuration);
      const isSame = source.offset - offset === again.offset &&
        again.toBytes().every((byte, at) => byte === this.stream[offset + at]);
      if (!isSame) {
        throw this.problem(
          "the configuration is not as QEMU writes it",
          offset + 1,
        );
      }
      this.configuration = configuration;
    }
    const { capabilities = [], targetPageBits } = this.configuration ?? {};
    this.layout = {
      ...this.layout,
      pageSize: this.#pageSize(targetPageBits),
      ignoreShared: capabilities.includes("x-ignore-shared"),
      mappedRam: capabilities.includes("mapped-ram"),
    };
  }

  /**
   * A target sends its page size if it is variable and larger than its minimum;
   * otherwise only vmdesc has it, at the end of the stream.
   */
  #pageSize(bits: number | undefined): number {
    if (bits === undefined) {
      return findPageSize(this.stream, this.source.offset) ??
        PLAIN_RAM_LAYOUT.pageSize;
    }
    if (!isPageBits(bits)) throw this.problem(`pages of ${bits} bits`);
    return 2 ** bits;
  }

  /**
   * The records up to EOF.
   *
   * @throws {StreamError} when one is malformed
   */
  *[Symbol.iterator](): Generator<StreamRecord, void> {
    const { source } = this;
    for (let count = 0;;) {
      this.offset = source.offset;
      if (count > this.#maximumRecords) {
        throw this.problem("it has more records than are read");
      }
      const record = this.#record(source.u8());
      if (record === undefined) break;
      count += isFirst(record) ? FIRST_RECORDS : 1;
      yield record;
    }
    this.offset = source.offset;
  }

  #record(type: number): StreamRecord | undefined {
    switch (type) {
      case RecordType.EOF:
        return undefined;
      case RecordType.SECTION_START: {
        const head = this.#first("start");
        this.#started.set(head.sectionId, head);
        return head;
      }
      case RecordType.SECTION_PART:
        return this.#further("part");
      case RecordType.SECTION_END:
        return this.#further("end");
      case RecordType.SECTION_FULL:
        return this.#first("full");
      case RecordType.COMMAND:
        return this.#command();
      default:
        throw this.problem(`unknown record type ${hex(type)}`, this.offset);
    }
  }

  #first<Type extends "start" | "full">(type: Type): SectionHead<Type> {
    const { offset } = this;
    const head = { ...readSectionHeader(this.source), type, offset };
    this.current = head;
    const key = `${head.name}\0${head.instanceId}`;
    if (this.#begun.has(key)) throw this.problem("it comes twice");
    this.#begun.add(key);
    return head;
  }

  #further<Type extends "part" | "end">(type: Type): SectionHead<Type> {
    const { offset } = this;
    const sectionId = this.source.u32();
    const first = this.#started.get(sectionId);
    if (first === undefined) {
      throw this.problem(
        `section id ${hex(sectionId)} was not started`,
        offset,
      );
    }
    const head = { ...first, type, offset };
    this.current = head;
    return head;
  }

  #command(): CommandRecord {
    const { offset, source } = this;
    const { command, payload } = readCommand(source);
    const record = { type: "command", offset, command, payload } as const;
    if (command === Command.POSTCOPY_ADVISE && payload.length > 0) {
      const hugePageSizes = new Source(payload).u64();
      this.layout = { ...this.layout, hugePageSizes };
    }
    return command === Command.PACKAGED
      ? { ...record, packaged: source.bytes(new Source(payload).u32()) }
      : record;
  }

  /** Finds the footer of the section, by its bytes alone. */
  findFooter(): number | undefined {
    const { stream, source, current, hasFooters } = this;
    return current === undefined || hasFooters === false
      ? undefined
      : findSectionEnd(stream, source.offset, current.sectionId, this.#started);
  }

  /**
   * The payload of a section without a description.
   *
   * @throws {MigrationStreamError} when its footer is not found
   */
  undescribed(): Uint8Array {
    const end = this.findFooter();
    if (end === undefined) {
      throw this.hasFooters === false
        ? this.problem(
          "there are no footers, and only its own code knows its length",
        )
        : this.problem(
          "the stream ends here, or its footer is missing",
          this.stream.length,
        );
    }
    return this.source.bytes(end - this.source.offset);
  }

  /**
   * Reads the footer of the section. The first section shows whether the stream
   * has footers.
   *
   * @throws {MigrationStreamError} when it is missing or names another section
   */
  end(): void {
    const { source, current } = this;
    const { offset } = source;
    this.hasFooters ??= source.peek() === RecordType.SECTION_FOOTER;
    if (this.hasFooters && current !== undefined) {
      const type = source.u8();
      if (type !== RecordType.SECTION_FOOTER) {
        throw this.problem(
          `missing section footer: ${hex(type)} found where the section ` +
            "should end",
          offset,
        );
      }
      const sectionId = source.u32();
      if (sectionId !== current.sectionId) {
        throw this.problem(
          `mismatched section id in footer: read ${hex(sectionId)}, expected ` +
            hex(current.sectionId),
          offset,
        );
      }
    }
    this.current = undefined;
  }

  /** The error for a problem at this position. */
  problem(
    problem: string,
    offset: number = this.source.offset,
  ): MigrationStreamError {
    return problemIn(this.current, problem, offset);
  }
}
