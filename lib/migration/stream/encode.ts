import { Sink } from "../../stream/mod.ts";
import { saveState } from "../../vmstate/mod.ts";
import { writeCommand } from "./commands.ts";
import { configurationBody, configurationState } from "./configuration.ts";
import { RecordType } from "./constants.ts";
import type {
  CommandRecord,
  DecodedStream,
  DeviceSection,
  OpaqueSection,
  RamSection,
} from "./decoded.ts";
import { encodeBody } from "./encode_fields.ts";
import {
  writeSectionFooter,
  writeSectionHeader,
  writeStreamHeader,
} from "./framing.ts";
import type { PageRun } from "./page_runs.ts";
import {
  isKept,
  mappedBitmapSize,
  type RamBlock,
  writeRamBlock,
} from "./ram_block.ts";
import { RamFlag, XBZRLE_CODING } from "./ram_records.ts";

/**
 * Writes a decoded stream again from its values, byte for byte as it was.
 * Guest pages alone come from the stream that was decoded.
 *
 * @throws {TypeError | RangeError} when a value was changed to one that its
 * field cannot hold
 */
export function encodeStream(decoded: DecodedStream): Uint8Array<ArrayBuffer> {
  const parts = [...encodeParts(decoded)];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const stream = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}

/** As {@linkcode encodeStream}, in pieces that need not all stay in memory. */
export function* encodeParts(
  decoded: DecodedStream,
): Generator<Uint8Array, void> {
  const sink = new Sink();
  writeStreamHeader(sink);
  if (decoded.configuration !== undefined) {
    sink.u8(RecordType.CONFIGURATION);
    saveState(
      configurationState,
      configurationBody(decoded.configuration),
      sink,
    );
  }
  const ram = new RamEncoder(decoded, sink);
  for (const record of decoded.records) {
    if (record.type === "command") encodeCommand(sink, record);
    else if (record.type === "full") encodeDevice(sink, record);
    else if (record.type === "opaque") yield* encodeOpaque(sink, record);
    else yield* ram.section(record);
    if (record.type !== "command" && decoded.hasFooters) {
      writeSectionFooter(sink, record.sectionId);
    }
  }
  if (decoded.opaqueTail !== undefined) sink.bytes(decoded.opaqueTail.bytes);
  else encodeEnd(sink, decoded);
  yield sink.drain();
}

function encodeCommand(sink: Sink, record: CommandRecord): void {
  writeCommand(sink, record);
  if (record.packaged !== undefined) sink.bytes(record.packaged);
}

function encodeDevice(sink: Sink, section: DeviceSection): void {
  const { name: idstr, state } = section;
  writeSectionHeader(sink, RecordType.SECTION_FULL, { ...section, idstr });
  if (state instanceof Uint8Array) sink.bytes(state);
  else encodeBody(sink, state);
}

function* encodeOpaque(
  sink: Sink,
  section: OpaqueSection,
): Generator<Uint8Array, void> {
  const { name: idstr, piece } = section;
  if (piece === "start") {
    writeSectionHeader(sink, RecordType.SECTION_START, { ...section, idstr });
  } else writeSectionContinuation(sink, piece, section.sectionId);
  yield sink.drain();
  yield section.bytes;
}

function writeSectionContinuation(
  sink: Sink,
  piece: "part" | "end",
  sectionId: number,
): void {
  sink.u8(piece === "part" ? RecordType.SECTION_PART : RecordType.SECTION_END);
  sink.u32(sectionId);
}

function encodeEnd(sink: Sink, { vmdesc, trailing }: DecodedStream): void {
  sink.u8(RecordType.EOF);
  if (vmdesc !== undefined) {
    const { text } = vmdesc;
    sink.u8(RecordType.VMDESCRIPTION);
    sink.u32(text.length);
    sink.bytes(text);
  }
  sink.bytes(trailing);
}

/** Bytes that gather before they are handed on. */
const PART_SIZE = 1 << 20;

class RamEncoder {
  readonly #decoded: DecodedStream;
  readonly #sink: Sink;
  #blocks: readonly RamBlock[] = [];
  /** Offset up to which parts were handed on. */
  #drained = 0;

  constructor(decoded: DecodedStream, sink: Sink) {
    this.#decoded = decoded;
    this.#sink = sink;
  }

  *section(section: RamSection): Generator<Uint8Array, void> {
    const sink = this.#sink;
    if (section.type === "start") {
      const { name: idstr } = section;
      writeSectionHeader(sink, RecordType.SECTION_START, { ...section, idstr });
      yield* this.#blockList(section.blocks ?? []);
    } else writeSectionContinuation(sink, section.type, section.sectionId);
    for (const run of section.pages) yield* this.#run(run);
    sink.size64(RamFlag.EOS);
  }

  *#blockList(blocks: readonly RamBlock[]): Generator<Uint8Array, void> {
    const sink = this.#sink;
    this.#blocks = blocks;
    const total = blocks.reduce((sum, block) => sum + block.usedLength, 0);
    sink.size64(total + RamFlag.MEM_SIZE);
    for (const block of blocks) {
      writeRamBlock(sink, block);
      yield* this.#mapped(block);
    }
  }

  /** Header, then bitmap, gap and pages as they stand in the input. */
  *#mapped(block: RamBlock): Generator<Uint8Array, void> {
    const { mapped } = block;
    if (mapped === undefined) return;
    const sink = this.#sink;
    sink.u32(mapped.version);
    sink.size64(mapped.pageSize);
    if (!isKept(mapped)) {
      sink.size64(0);
      sink.size64(0);
      return;
    }
    const { fileOffset } = this.#decoded.layout;
    sink.size64(mapped.bitmapOffset + fileOffset);
    sink.size64(mapped.pagesOffset + fileOffset);
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
    const sink = this.#sink;
    const { pageSize } = this.#decoded.layout;
    if (run.kind === RamFlag.MULTIFD_FLUSH) return sink.size64(run.kind);
    for (let index = 0; index < run.count; index++) {
      const named = run.named && index === 0;
      const flags = run.kind + (named ? 0 : RamFlag.CONTINUE);
      sink.size64(run.address + index * pageSize + flags);
      if (named) sink.countedString(this.#blocks[run.block]?.name ?? "");
      if (run.kind === RamFlag.ZERO) sink.u8(0);
      else if (run.kind === RamFlag.XBZRLE) {
        sink.u8(XBZRLE_CODING);
        sink.u16(run.length);
      } else if (run.kind === RamFlag.COMPRESS) sink.u32(run.length);
      const at = run.at + index * run.step;
      sink.bytes(this.#input(at, at + run.length));
      if (sink.offset - this.#drained >= PART_SIZE) yield this.#drain();
    }
  }

  #drain(): Uint8Array {
    this.#drained = this.#sink.offset;
    return this.#sink.drain();
  }

  #input(start: number, end: number): Uint8Array {
    return this.#decoded.input.subarray(start, end);
  }
}
