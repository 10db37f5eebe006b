import { Sink } from "../../stream/mod.ts";
import {
  RecordType,
  writeCommand,
  writeEnd,
  writeSectionFooter,
  writeSectionHeader,
  writeStreamHeader,
} from "./framing.ts";
import { writeConfiguration } from "./configuration.ts";
import {
  type DecodedCommand,
  type DecodedField,
  type DecodedStream,
  type DecodedStruct,
  type DecodedValue,
  type DeviceSection,
  isStruct,
  type RamSection,
} from "./decoded.ts";
import type { PageRun } from "./page_runs.ts";
import {
  isKept,
  mappedBitmapSize,
  type RamBlock,
  writeMappedHeader,
  writeRamBlock,
} from "./ram_block.ts";
import {
  RamFlag,
  writePageWord,
  writeTotal,
  XBZRLE_CODING,
} from "./ram_records.ts";
import { POINTER_NULL, POINTER_PRESENT } from "../../vmstate/mod.ts";
import { fieldType } from "./wire_types.ts";

/** Like {@linkcode encodeStream}, in parts that need not all stay in memory. */
export function* encodeParts(
  decoded: DecodedStream,
): Generator<Uint8Array, void> {
  const sink = new Sink();
  writeStreamHeader(sink);
  const { configuration, opaqueTail, vmdesc, trailing } = decoded;
  if (configuration !== undefined) writeConfiguration(sink, configuration);
  const ram = new RamEncoder(decoded, sink);
  const { hasFooters } = decoded;
  for (const record of decoded.records) {
    if (record.type === "command") yield* encodeCommand(sink, record);
    else if (record.type === "full") {
      yield* encodeDevice(sink, record, hasFooters);
    } else {
      const { type } = record;
      writeSectionHeader(sink, type === "opaque" ? record.piece : type, record);
      if (record.type === "opaque") yield* view(sink, record.bytes);
      else yield* ram.section(record);
      if (hasFooters) writeSectionFooter(sink, record.sectionId);
    }
  }
  if (opaqueTail !== undefined) yield* view(sink, opaqueTail.bytes);
  else {
    writeEnd(sink, vmdesc?.text);
    yield* view(sink, trailing);
  }
}

/** Bytes of the input, of which there may be gigabytes, are not copied. */
function* view(sink: Sink, bytes: Uint8Array): Generator<Uint8Array, void> {
  yield sink.drain();
  yield bytes;
}

function* encodeCommand(
  sink: Sink,
  command: DecodedCommand,
): Generator<Uint8Array, void> {
  writeCommand(sink, command);
  const { package: opened, packaged } = command;
  for (const record of opened?.records ?? []) {
    if (record.type === "command") yield* encodeCommand(sink, record);
    else yield* encodeDevice(sink, record, true);
  }
  const rest = opened?.rest ?? packaged;
  if (rest !== undefined) yield* view(sink, rest);
}

function* encodeDevice(
  sink: Sink,
  section: DeviceSection,
  hasFooters: boolean,
): Generator<Uint8Array, void> {
  writeSectionHeader(sink, section.type, section);
  if (section.state instanceof Uint8Array) yield* view(sink, section.state);
  else encodeBody(sink, section.state);
  if (hasFooters) writeSectionFooter(sink, section.sectionId);
}

/** Minimum size of a part, in bytes. */
const PART_SIZE = 1 << 20;

class RamEncoder {
  #blocks: readonly RamBlock[] = [];
  /** Offset up to which parts were returned. */
  #drained = 0;

  constructor(
    private readonly decoded: DecodedStream,
    private readonly sink: Sink,
  ) {}

  /** The payload of a section. */
  *section({ blocks, pages }: RamSection): Generator<Uint8Array, void> {
    if (blocks !== undefined) yield* this.#blockList(blocks);
    for (const run of pages) yield* this.#run(run);
    this.sink.size64(RamFlag.EOS);
  }

  *#blockList(blocks: readonly RamBlock[]): Generator<Uint8Array, void> {
    const sink = this.sink;
    this.#blocks = blocks;
    writeTotal(sink, blocks);
    for (const block of blocks) {
      writeRamBlock(sink, block);
      yield* this.#mapped(block);
    }
  }

  /** Header, then bitmap, gap and pages as in the input. */
  *#mapped(block: RamBlock): Generator<Uint8Array, void> {
    const { mapped } = block;
    if (mapped === undefined) return;
    const sink = this.sink;
    if (!isKept(mapped)) return writeMappedHeader(sink, mapped);
    const { fileOffset } = this.decoded.layout;
    writeMappedHeader(sink, {
      ...mapped,
      bitmapOffset: mapped.bitmapOffset + fileOffset,
      pagesOffset: mapped.pagesOffset + fileOffset,
    });
    const bitmap = mapped.bitmapOffset;
    const gap = bitmap + mappedBitmapSize(block, mapped.pageSize);
    yield sink.drain();
    yield this.#input(bitmap, gap);
    yield this.#input(gap, mapped.pagesOffset);
    yield this.#input(
      mapped.pagesOffset,
      mapped.pagesOffset + block.usedLength,
    );
  }

  *#run(run: PageRun): Generator<Uint8Array, void> {
    const sink = this.sink;
    const { pageSize } = this.decoded.layout;
    if (run.kind === RamFlag.MULTIFD_FLUSH) return sink.size64(run.kind);
    for (let index = 0; index < run.count; index++) {
      const name = run.named && index === 0
        ? this.#blocks[run.block]?.name ?? ""
        : undefined;
      writePageWord(sink, run.kind, run.address + index * pageSize, name);
      if (run.kind === RamFlag.ZERO) sink.u8(0);
      else if (run.kind === RamFlag.XBZRLE) {
        sink.u8(XBZRLE_CODING);
        sink.u16(run.length);
      } else if (run.kind === RamFlag.COMPRESS) sink.u32(run.length);
      const at = run.at + index * run.step;
      if (run.length > 0) {
        yield this.#drain();
        yield this.#input(at, at + run.length);
      } else if (sink.offset - this.#drained >= PART_SIZE) yield this.#drain();
    }
  }

  #drain(): Uint8Array {
    this.#drained = this.sink.offset;
    return this.sink.drain();
  }

  #input(start: number, end: number): Uint8Array {
    return this.decoded.input.subarray(start, end);
  }
}

/**
 * Writes fields, then subsections.
 *
 * @throws {TypeError | RangeError} when a value does not have its field's type
 */
export function encodeBody(sink: Sink, struct: DecodedStruct): void {
  for (const field of struct.fields) encodeField(sink, field);
  for (const sub of struct.subsections) {
    sink.u8(RecordType.SUBSECTION);
    sink.countedString(sub.vmsd);
    sink.u32(sub.version);
    encodeBody(sink, sub);
  }
}

function encodeField(sink: Sink, field: DecodedField): void {
  const { type, value } = field;
  if (!field.isArray || !Array.isArray(value)) {
    return encodeValue(sink, type, value);
  }
  for (const element of value) {
    if (element === null) sink.u8(POINTER_NULL);
    else {
      if (field.hasMarkers) sink.u8(POINTER_PRESENT);
      encodeValue(sink, type, element);
    }
  }
}

/** Writes a value of a type of vmdesc or of a layout. */
export function encodeValue(
  sink: Sink,
  type: string,
  value: DecodedValue,
): void {
  if (isStruct(value)) encodeBody(sink, value);
  // Bytes are bytes, whatever vmdesc says they are.
  else if (value instanceof Uint8Array) sink.bytes(value);
  else fieldType(type).save(sink, value);
}
