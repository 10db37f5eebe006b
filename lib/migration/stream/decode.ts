import { Sink, Source, StreamError } from "../../stream/mod.ts";
import { loadState, saveState, VmstateError } from "../../vmstate/mod.ts";
import { readCommand } from "./commands.ts";
import {
  type Configuration,
  configurationBody,
  configurationOf,
  configurationState,
} from "./configuration.ts";
import { Command, RecordType } from "./constants.ts";
import type { CommandRecord, DecodedRecord, DecodedStream } from "./decoded.ts";
import { DescribedDevices } from "./described_devices.ts";
import { MigrationStreamError, problemText } from "./error.ts";
import { FOOTER_SIZE, whereItWasCut } from "./find_sections.ts";
import { findPageSize, findVmdesc } from "./find_vmdesc.ts";
import { readStreamHeader } from "./framing.ts";
import { hex } from "./hex.ts";
import { PAGE_BITS, PLAIN_RAM_LAYOUT, type RamLayout } from "./ram_block.ts";
import { SectionReader } from "./section_reader.ts";

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
  /**
   * How many sections and commands it may have; any number unless said
   * otherwise. Each takes more memory than it has bytes.
   */
  readonly maximumRecords?: number;
  /** Where the stream begins in its file; 0 unless said otherwise. */
  readonly fileOffset?: number;
}

class StreamDecoder {
  readonly #stream: Uint8Array;
  readonly #source: Source;
  readonly #sections: SectionReader;
  readonly #file: string | undefined;
  readonly #maximumRecords: number;
  readonly #fileOffset: number;
  readonly #records: DecodedRecord[] = [];
  #configuration: Configuration | undefined;
  #devices: DescribedDevices | undefined;
  #opaqueTail: DecodedStream["opaqueTail"];
  #trailing: Uint8Array = new Uint8Array(0);

  constructor(
    stream: Uint8Array,
    {
      file,
      passed = () => {},
      maximumRecords = Infinity,
      fileOffset = 0,
    }: DecodeOptions,
  ) {
    this.#fileOffset = fileOffset;
    this.#stream = stream;
    this.#file = file;
    this.#maximumRecords = maximumRecords;
    this.#source = new Source(stream);
    this.#sections = new SectionReader(stream, this.#source, passed);
  }

  decode(): void {
    try {
      readStreamHeader(this.#source);
      this.#configuration = this.#readConfiguration();
      this.#sections.layout = this.#layoutOf(this.#configuration);
      this.#walk();
      if (this.#opaqueTail === undefined) this.#trailing = this.#end();
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** What was read so far. */
  decoded(): DecodedStream {
    const { layout, hasFooters, unfinished } = this.#sections;
    return {
      input: this.#stream,
      configuration: this.#configuration,
      layout,
      hasFooters,
      records: unfinished === undefined
        ? this.#records
        : [...this.#records, unfinished],
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
      fileOffset: this.#fileOffset,
    };
  }

  /** Reads records up to EOF, or to a device that nothing describes. */
  #walk(): void {
    const sections = this.#sections;
    for (;;) {
      const offset = this.#source.offset;
      if (this.#records.length > this.#maximumRecords) {
        throw this.#problem("it has more records than are read", offset);
      }
      const type = this.#source.u8();
      switch (type) {
        case RecordType.EOF:
          return;
        case RecordType.SECTION_START:
          this.#records.push(sections.end(sections.start(offset)));
          break;
        case RecordType.SECTION_PART:
        case RecordType.SECTION_END:
          this.#records.push(sections.end(sections.more(offset, type)));
          break;
        case RecordType.SECTION_FULL: {
          const devices = this.#findDevices(offset);
          if (devices === undefined) return this.#tail(offset);
          const section = sections.device(offset, devices);
          this.#records.push(sections.end(section));
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
  #tail(offset: number): void {
    this.#source.seek(offset);
    const bytes = this.#source.bytes(this.#source.remaining);
    this.#opaqueTail = { offset, bytes };
    const { hasFooters } = this.#sections;
    const isWhole = bytes.at(-1) === RecordType.EOF &&
      (!hasFooters || bytes.at(-1 - FOOTER_SIZE) === RecordType.SECTION_FOOTER);
    if (isWhole) return;
    const { problem, ...section } = hasFooters
      ? whereItWasCut(this.#stream, offset)
      : { problem: "the stream ends among its devices, or after them" };
    throw new MigrationStreamError(problem, {
      ...section,
      offset: this.#source.offset,
    });
  }

  #describe(offset: number, text: Uint8Array): void {
    const { pageSize } = this.#sections.layout;
    this.#devices = new DescribedDevices(offset, text, pageSize);
  }

  #command(offset: number): CommandRecord {
    const { command, payload } = readCommand(this.#source);
    if (command === Command.POSTCOPY_ADVISE && payload.length > 0) {
      const hugePageSizes = new Source(payload).u64();
      this.#sections.layout = { ...this.#sections.layout, hugePageSizes };
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
    const known =
      error instanceof VmstateError || error instanceof MigrationStreamError
        ? error.location
        : undefined;
    const here = this.#sections.place;
    const { section, instance } = known?.section === undefined ? here : known;
    return new MigrationStreamError(
      error instanceof VmstateError ? error.problem : problemText(error),
      {
        section,
        instance,
        field: known?.field ?? here.field,
        offset: error.offset,
        file: this.#file,
      },
      { action: "decode", cause: error.cause },
    );
  }
}
