/**
 * The records of a stream, one after the other, for whoever reads one. What
 * depends on the records before is kept here: which sections began, whether
 * there are footers, and how RAM is laid out.
 *
 * ```
 * begin()   header, configuration
 * for …     the head of a record; of a command, all of it
 *           the payload is the caller's to read, from `source`: a section has
 *           no length, only a description or its own code knows where it ends
 * end()     the footer
 * ```
 *
 * @module
 */

import { Sink, Source } from "../../stream/mod.ts";
import { loadState } from "../../vmstate/mod.ts";
import { readCommand, type StreamCommand } from "./commands.ts";
import {
  type Configuration,
  configurationOf,
  configurationState,
  writeConfiguration,
} from "./configuration.ts";
import { Command, RecordType } from "./constants.ts";
import { type MigrationStreamError, problemIn } from "./error.ts";
import {
  readSectionHeader,
  readStreamHeader,
  type SectionHeader,
  type SectionType,
} from "./framing.ts";
import { hex } from "./hex.ts";
import { PAGE_BITS, PLAIN_RAM_LAYOUT, type RamLayout } from "./ram_block.ts";
import { findPageSize } from "./find_vmdesc.ts";
import { findSectionEnd } from "./section_end.ts";

/** A command between sections. */
export interface CommandRecord extends StreamCommand {
  readonly type: "command";
  readonly offset: number;
  /** Of PACKAGED: the records inside, which end the command. */
  readonly packaged?: Uint8Array;
}

/** A section, or a piece of one, whose payload comes next. */
export interface SectionHead<Type extends SectionType = SectionType>
  extends SectionHeader {
  readonly type: Type;
  /** Of the type byte. */
  readonly offset: number;
}

/** A piece of what is sent in parts. */
export type PieceHead = SectionHead<Exclude<SectionType, "full">>;

/** What stands between configuration and EOF. */
export type StreamRecord = CommandRecord | SectionHead<"full"> | PieceHead;

/** How far a stream is read, and where it is. */
export interface RecordOptions {
  /**
   * How many sections and commands it may have; any number unless said
   * otherwise. Each takes more memory than it has bytes.
   */
  readonly maximumRecords?: number | undefined;
  /** Where the stream begins in its file; 0 unless said otherwise. */
  readonly fileOffset?: number | undefined;
  /** Where the first record is, if no header and configuration are read. */
  readonly start?: number;
}

/** Reads a stream record by record. */
export class RecordReader {
  readonly stream: Uint8Array;
  readonly source: Source;
  /** Of the record that is being read; after EOF, of what follows. */
  offset: number;
  /** Absent where the sender was told to leave it out. */
  configuration: Configuration | undefined;
  /** Of guest memory; what it depends on comes before it. */
  layout: RamLayout;
  /** The section that is being read. */
  current: SectionHead | undefined;
  /** False where the sender was told so; known after the first section. */
  hasFooters: boolean | undefined;
  readonly #maximumRecords: number;
  readonly #started = new Map<number, SectionHead>();
  /** Sections that began, by name and instance. */
  readonly #begun = new Set<string>();

  constructor(
    stream: Uint8Array,
    { maximumRecords = Infinity, fileOffset = 0, start = 0 }: RecordOptions =
      {},
  ) {
    this.stream = stream;
    this.source = new Source(stream);
    this.source.seek(start);
    this.offset = start;
    this.layout = { ...PLAIN_RAM_LAYOUT, fileOffset };
    this.#maximumRecords = maximumRecords;
  }

  /**
   * Reads what comes before the first record.
   *
   * @throws {StreamError} when it is not what a sender writes
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
      // Order and versions of the subsections are not kept: they are fixed.
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
   * A target says how large its pages are where it could have larger ones
   * than its smallest; of others only vmdesc tells, which ends the stream.
   */
  #pageSize(bits: number | undefined): number {
    if (bits === undefined) {
      return findPageSize(this.stream, this.source.offset) ??
        PLAIN_RAM_LAYOUT.pageSize;
    }
    if (bits < PAGE_BITS.least || bits > PAGE_BITS.most) {
      throw this.problem(`pages of ${bits} bits`);
    }
    return 2 ** bits;
  }

  /**
   * The records up to EOF.
   *
   * @throws {StreamError} when one is none that a sender writes
   */
  *[Symbol.iterator](): Generator<StreamRecord, void> {
    const { source } = this;
    for (let count = 0;; count++) {
      this.offset = source.offset;
      if (count > this.#maximumRecords) {
        throw this.problem("it has more records than are read");
      }
      const record = this.#record(source.u8());
      if (record === undefined) break;
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

  /** Where the footer of the section stands, by its bytes alone. */
  findFooter(): number | undefined {
    const { stream, source, current, hasFooters } = this;
    return current === undefined || hasFooters === false
      ? undefined
      : findSectionEnd(stream, source.offset, current.sectionId, this.#started);
  }

  /**
   * The payload of a section that nothing describes.
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
   * Ends the section: its footer follows. The first section tells whether they
   * have footers at all.
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

  /** The error for what is wrong here. */
  problem(
    problem: string,
    offset: number = this.source.offset,
  ): MigrationStreamError {
    return problemIn(this.current, problem, offset);
  }
}
