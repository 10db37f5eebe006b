/**
 * The payload of a RAM section: be64 words, address | flags, each with the data
 * for its flags, up to EOS. An address is an offset in its block.
 *
 * ```
 * 004 MEM_SIZE  block list                   first record of START only
 * 002 ZERO      [u8+name] 00
 * 008 PAGE      [u8+name] a page
 * 040 XBZRLE    [u8+name] 01 be16 length, delta
 * 100 COMPRESS  [u8+name] be32 length, zlib data       up to QEMU 9.0
 * 200 MULTIFD_FLUSH
 * 010 EOS                                    ends the payload
 * 020 CONTINUE  with ZERO, PAGE, XBZRLE, COMPRESS: no name, the block is that
 *               of the record before, even across sections
 * ```
 *
 * @module
 */

import type { Sink, Source } from "../../stream/mod.ts";
import { hex, MigrationStreamError, problemAt } from "./error.ts";
import { type RamBlock, type RamLayout, readRamBlocks } from "./ram_block.ts";

/** Flags in the low bits of a record's word. */
export const RamFlag = {
  ZERO: 0x002,
  MEM_SIZE: 0x004,
  PAGE: 0x008,
  EOS: 0x010,
  CONTINUE: 0x020,
  XBZRLE: 0x040,
  COMPRESS: 0x100,
  MULTIFD_FLUSH: 0x200,
} as const;

/** The first byte of an XBZRLE record; there is only one encoding. */
export const XBZRLE_CODING = 1;

/**
 * A page record: kind, position in guest memory, and position in the stream.
 */
export interface RamPageRecord {
  readonly kind:
    | typeof RamFlag.ZERO
    | typeof RamFlag.PAGE
    | typeof RamFlag.XBZRLE
    | typeof RamFlag.COMPRESS;
  /** Index into the block list. */
  readonly block: number;
  /** Offset in the block. */
  readonly address: number;
  /** Absolute stream offset of the record's data. */
  readonly at: number;
  /** Bytes of data in the stream. */
  readonly length: number;
  /** True if the record has the name of its block. */
  readonly named: boolean;
}

/** Bytes of a record's word. */
const WORD = 8;

/**
 * Size in bytes of a ZERO or PAGE record with CONTINUE: the word, and the fill
 * byte or page.
 */
export function recordSize(
  kind: typeof RamFlag.PAGE | typeof RamFlag.ZERO,
  pageSize: number,
): number {
  return WORD + (kind === RamFlag.PAGE ? pageSize : 1);
}

/** Writes the first word of a block list. */
export function writeTotal(sink: Sink, blocks: readonly RamBlock[]): void {
  const total = blocks.reduce((sum, { usedLength }) => sum + usedLength, 0);
  sink.size64(total + RamFlag.MEM_SIZE);
}

/**
 * Writes the header of a page's data.
 *
 * @param name of its block, unless it is the same as for the page before
 */
export function writePageWord(
  sink: Sink,
  kind: RamPageRecord["kind"],
  address: number,
  name: string | undefined,
): void {
  const isNext = name === undefined;
  sink.size64(address + kind + (isNext ? RamFlag.CONTINUE : 0));
  if (!isNext) sink.countedString(name);
}

/** Called for each record. */
export interface RamVisitor {
  page?(record: RamPageRecord): void;
  /**
   * Called for so many records of the same kind that follow the last one in
   * stream and block; without it, `page` is called for each.
   */
  more?(count: number): void;
  flush?(): void;
}

/** The most records between two calls. */
const LONGEST_STRETCH = 2048;
/** One more than the largest value of half a word. */
const HALF = 0x1_0000_0000;
const ADDRESS_HIGH_LIMIT = 0x1f_ffff;

/** Reads the RAM sections of one stream; keeps list and current block. */
export class RamReader {
  #blocks: readonly RamBlock[] = [];
  #index = new Map<string, number>();
  #current: number | undefined;

  constructor(
    private readonly source: Source,
    private readonly layout: RamLayout,
  ) {}

  /**
   * Reads the block list, with which the payload of START begins. The rest of it
   * is as in {@linkcode readPages}.
   *
   * @throws {MigrationStreamError} when it is malformed
   */
  readBlocks(): readonly RamBlock[] {
    const { offset } = this.source;
    const { flags, address } = this.#word();
    if (flags !== RamFlag.MEM_SIZE) {
      throw problemAt(
        `RAM begins with flags ${hex(flags)} in place of its block list`,
        offset,
      );
    }
    this.#blocks = readRamBlocks(this.source, address, this.layout);
    this.#index = new Map(this.#blocks.map(({ name }, i) => [name, i]));
    return this.#blocks;
  }

  /**
   * Reads the payload of PART or END, up to EOS. Pages are skipped.
   *
   * @throws {MigrationStreamError} when a record is malformed
   */
  readPages(visitor: RamVisitor): void {
    for (;;) {
      const { offset } = this.source;
      const { flags, address } = this.#word();
      const kind = pageKind(flags);
      if (kind !== undefined) {
        const named = (flags & RamFlag.CONTINUE) === 0;
        this.#page(kind, named, address, offset, visitor);
        continue;
      }
      if (flags !== RamFlag.EOS && flags !== RamFlag.MULTIFD_FLUSH) {
        throw problemAt(
          `RAM record has flags ${hex(flags)}, which mean nothing`,
          offset,
        );
      }
      if (address !== 0) {
        throw problemAt(
          `RAM record with flags ${hex(flags)} has an address`,
          offset,
        );
      }
      if (flags === RamFlag.EOS) return;
      visitor.flush?.();
    }
  }

  #page(
    kind: RamPageRecord["kind"],
    named: boolean,
    address: number,
    offset: number,
    visitor: RamVisitor,
  ): void {
    if (this.layout.mappedRam) {
      throw problemAt(
        "a page record under mapped-ram, which keeps pages elsewhere",
        offset,
      );
    }
    const { source } = this;
    const block = named ? this.#named() : this.#current;
    const { usedLength } = this.#blockAt(block, offset);
    if (address + this.layout.pageSize > usedLength) {
      throw problemAt(
        `page ${hex(address)} lies outside its RAM block of ` +
          `${hex(usedLength)}`,
        offset,
      );
    }
    const length = this.#dataLength(kind);
    const at = source.offset;
    source.skip(length);
    visitor.page?.({ kind, block: block ?? 0, address, at, length, named });
    if (visitor.more === undefined) return;
    if (kind !== RamFlag.PAGE && kind !== RamFlag.ZERO) return;
    this.#stretch(kind, address, usedLength, visitor.more);
  }

  /**
   * Skips records that can be recognized by their word alone. A stream has one
   * for every 4 KiB, which dominates the time of an inspection.
   */
  #stretch(
    kind: typeof RamFlag.PAGE | typeof RamFlag.ZERO,
    address: number,
    usedLength: number,
    more: (count: number) => void,
  ): void {
    const { source, layout: { pageSize } } = this;
    const next = address + pageSize;
    const high = Math.floor(next / HALF);
    const low = next % HALF + kind + RamFlag.CONTINUE;
    const size = recordSize(kind, pageSize);
    const most = Math.min(
      Math.floor((usedLength - next) / pageSize),
      Math.floor(source.remaining / size),
      // Up to the next change of the upper half.
      Math.ceil((HALF - low) / pageSize),
      LONGEST_STRETCH,
    );
    if (most < 1) return;
    const view = source.peekView(most * size);
    let count = 0;
    for (let at = 0; count < most; at += size) {
      const isNext = view.getUint32(at + 4) === low + count * pageSize &&
        view.getUint32(at) === high &&
        (kind === RamFlag.PAGE || view.getUint8(at + WORD) === 0);
      if (!isNext) break;
      count++;
    }
    if (count === 0) return;
    source.skip(count * size);
    more(count);
  }

  #named(): number {
    const { source } = this;
    const { offset } = source;
    const name = source.countedString();
    const index = this.#index.get(name);
    if (index === undefined) {
      throw problemAt(`unknown RAM block "${name}"`, offset);
    }
    this.#current = index;
    return index;
  }

  #blockAt(index: number | undefined, offset: number): RamBlock {
    const block = index === undefined ? undefined : this.#blocks[index];
    if (block === undefined) {
      throw problemAt(
        "a page continues a block, but there was none before",
        offset,
      );
    }
    return block;
  }

  #dataLength(kind: RamPageRecord["kind"]): number {
    const { source } = this;
    const { offset } = source;
    if (kind === RamFlag.PAGE) return this.layout.pageSize;
    if (kind === RamFlag.ZERO) {
      const fill = source.u8();
      if (fill === 0) return 0;
      throw new MigrationStreamError(
        `page filled with ${hex(fill)}; only zeros are sent so`,
        { offset },
      );
    }
    if (kind === RamFlag.COMPRESS) return this.#compressedLength();
    const coding = source.u8();
    const length = source.u16();
    if (coding !== XBZRLE_CODING || length > this.layout.pageSize) {
      throw problemAt(`XBZRLE coding ${coding} with ${length} bytes`, offset);
    }
    return length;
  }

  #compressedLength(): number {
    const { source } = this;
    const { offset } = source;
    const length = source.u32();
    if (length > 0 && length <= longestCompressed(this.layout.pageSize)) {
      return length;
    }
    throw problemAt(`a compressed page of ${length} bytes`, offset);
  }

  /** Two halves are ten times faster here than one bigint. */
  #word(): { flags: number; address: number } {
    const { source } = this;
    const { offset } = source;
    const high = source.u32();
    const low = source.u32();
    if (high > ADDRESS_HIGH_LIMIT) {
      throw problemAt(
        `RAM address ${hex(high)}… is too large to be real`,
        offset,
      );
    }
    const flags = low & (this.layout.pageSize - 1);
    return { flags, address: high * HALF + (low - flags) };
  }
}

/** The maximum size of a compressed page (compressBound of zlib). */
function longestCompressed(pageSize: number): number {
  return pageSize + (pageSize >> 12) + (pageSize >> 14) + 13;
}

/** The kind of page that flags name; undefined if they name none. */
export function pageKind(flags: number): RamPageRecord["kind"] | undefined {
  const kind = flags & ~RamFlag.CONTINUE;
  switch (kind) {
    case RamFlag.PAGE:
    case RamFlag.ZERO:
    case RamFlag.XBZRLE:
    case RamFlag.COMPRESS:
      return kind;
    default:
      return undefined;
  }
}
