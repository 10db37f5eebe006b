/**
 * The RAMBlock list at the start of the RAM section.
 *
 * ```
 * list  = be64 (sum of all used_length | 4), block… until the lengths add up
 * block = u8+name, be64 used_length,
 *         [be64 page_size]       postcopy, if not the host's page size
 *         [be64 mr addr]         x-ignore-shared
 *         [28-byte header, bitmap, gap, pages]                   mapped-ram
 * mapped = be32 1, be64 page_size, be64 bitmap_offset, be64 pages_offset
 *          both offsets 0, without bitmap, gap and pages: an ignored block
 * ```
 *
 * There is no count: the list ends when the sum is reached.
 *
 * @module
 */

import type { Sink, Source } from "../../stream/mod.ts";
import { hex, problemAt } from "./error.ts";

/** A RAMBlock as listed in the stream. */
export interface RamBlock {
  readonly name: string;
  /** Bytes. */
  readonly usedLength: number;
  /** Bytes; sent only with postcopy for blocks of huge pages. */
  readonly pageSize?: number;
  /** Guest physical address; sent only with x-ignore-shared. */
  readonly address?: bigint;
  readonly mapped?: MappedBlock;
}

/**
 * The location of a block's pages with mapped-ram: offsets in the stream. Both
 * are 0 for a shared block that x-ignore-shared leaves out.
 */
export interface MappedBlock {
  readonly version: number;
  readonly pageSize: number;
  /** One bit for each page, little-endian; a page of zeros has a clear bit. */
  readonly bitmapOffset: number;
  readonly pagesOffset: number;
}

/** Whether a block's pages are in the stream. */
export function isKept({ pagesOffset }: MappedBlock): boolean {
  return pagesOffset > 0;
}

/** The properties of the RAM section that depend on the rest of the stream. */
export interface RamLayout {
  /** Page size of the target, a power of two. */
  readonly pageSize: number;
  readonly ignoreShared: boolean;
  readonly mappedRam: boolean;
  /** Sum of the page sizes in use, from POSTCOPY_ADVISE; else 0. */
  readonly hugePageSizes: bigint;
  /** Start of the stream in its file: mapped-ram has offsets in the file. */
  readonly fileOffset: number;
}

/**
 * A page has at most 64 KiB. At least 1 KiB is needed for the flags in the low
 * bits of its record, but AVR had pages of 256 bytes nevertheless.
 */
export const PAGE_BITS = { least: 8, most: 16 } as const;

/** Whether pages may have 2 ** `bits` bytes. */
export function isPageBits(bits: number): boolean {
  const { least, most } = PAGE_BITS;
  return Number.isInteger(bits) && least <= bits && bits <= most;
}

/** The layout of a stream without any layout capability, on x86. */
export const PLAIN_RAM_LAYOUT: RamLayout = {
  pageSize: 4096,
  ignoreShared: false,
  mappedRam: false,
  hugePageSizes: 0n,
  fileOffset: 0,
};

/** A VM has some hundreds; limits the memory that empty blocks would take. */
const MAXIMUM_BLOCKS = 16_384;
const MAPPED_VERSION = 1;
const WORD_BITS = 64;

/** Bytes of a mapped-ram bitmap. */
export function mappedBitmapSize(block: RamBlock, pageSize: number): number {
  return Math.ceil(block.usedLength / pageSize / WORD_BITS) * WORD_BITS / 8;
}

/** Consecutive pages, by number. */
export interface MappedRun {
  readonly first: number;
  readonly count: number;
}

/** The pages of a block that mapped-ram has; all others are zeros. */
export function* mappedRuns(
  input: Uint8Array,
  block: RamBlock,
  mapped: MappedBlock,
): Generator<MappedRun> {
  if (!isKept(mapped)) return;
  const { bitmapOffset, pageSize } = mapped;
  const end = bitmapOffset + mappedBitmapSize(block, pageSize);
  const bitmap = input.subarray(bitmapOffset, end);
  // Bits beyond the last page are ignored.
  const pages = Math.ceil(block.usedLength / pageSize);
  let first = 0;
  let count = 0;
  for (let page = 0; page < pages;) {
    const byte = bitmap[Math.floor(page / 8)] ?? 0;
    const isWhole = page % 8 === 0 && page + 8 <= pages;
    const step = isWhole && (byte === 0 || byte === 0xff) ? 8 : 1;
    if ((byte & (1 << (page % 8))) !== 0) {
      if (count === 0) first = page;
      count += step;
    } else if (count > 0) {
      yield { first, count };
      count = 0;
    }
    page += step;
  }
  if (count > 0) yield { first, count };
}

/**
 * Reads blocks until their lengths add up to `total`; with mapped-ram also
 * skips their pages.
 *
 * @throws {MigrationStreamError} when a block is not valid, or a duplicate
 */
export function readRamBlocks(
  source: Source,
  total: number,
  layout: RamLayout,
): RamBlock[] {
  const blocks: RamBlock[] = [];
  const names = new Set<string>();
  let sum = 0;
  while (sum < total) {
    const offset = source.offset;
    const block = readRamBlock(source, layout);
    sum += block.usedLength;
    const problem = blocks.length === MAXIMUM_BLOCKS
      ? `more than ${MAXIMUM_BLOCKS} RAM blocks`
      : block.name === ""
      ? "a RAM block has no name"
      : names.has(block.name)
      ? `RAM block "${block.name}" is listed twice`
      : sum > total
      ? `RAM blocks add up to ${hex(sum)}, more than the total ${hex(total)}`
      : undefined;
    if (problem !== undefined) throw problemAt(problem, offset);
    names.add(block.name);
    blocks.push(block);
  }
  return blocks;
}

function readRamBlock(source: Source, layout: RamLayout): RamBlock {
  const name = source.countedString();
  const usedLength = source.size64();
  const pageSize = readHugePageSize(source, layout);
  const address = layout.ignoreShared ? source.u64() : undefined;
  const block = {
    name,
    usedLength,
    ...pageSize === undefined ? {} : { pageSize },
    ...address === undefined ? {} : { address },
  };
  if (!layout.mappedRam) return block;
  return { ...block, mapped: readMappedBlock(source, block, layout) };
}

/**
 * The page size is sent only for blocks of huge pages, and not announced. It is
 * recognized as a number from POSTCOPY_ADVISE: no other content of this place
 * can begin with a zero byte, since no name is empty.
 */
function readHugePageSize(
  source: Source,
  layout: RamLayout,
): number | undefined {
  const huge = layout.hugePageSizes & ~BigInt(layout.pageSize);
  if (huge === 0n || source.remaining < 8) return undefined;
  const at = source.offset;
  const size = source.u64();
  const isOne = size !== 0n && (size & (size - 1n)) === 0n &&
    (huge & size) !== 0n;
  if (isOne) return Number(size);
  source.seek(at);
  return undefined;
}

function readMappedBlock(
  source: Source,
  block: RamBlock,
  { fileOffset, ignoreShared }: RamLayout,
): MappedBlock {
  const offset = source.offset;
  const mapped = {
    version: source.u32(),
    pageSize: source.size64(),
    bitmapOffset: source.size64(),
    pagesOffset: source.size64(),
  };
  const { version, pageSize } = mapped;
  const refuse = (problem: string) => {
    throw problemAt(
      `mapped-ram header of block "${block.name}": ${problem}`,
      offset,
    );
  };
  if (version !== MAPPED_VERSION) refuse(`unsupported version ${version}`);
  if (!isPageBits(Math.log2(pageSize))) {
    refuse(`${pageSize} is not a page size`);
  }
  const isIgnored = ignoreShared && mapped.bitmapOffset === 0 &&
    mapped.pagesOffset === 0;
  if (isIgnored) return mapped;
  const bitmapOffset = mapped.bitmapOffset - fileOffset;
  const pagesOffset = mapped.pagesOffset - fileOffset;
  const before = bitmapOffset - source.offset;
  if (before !== 0) {
    refuse(
      `bitmap at ${bitmapOffset}, not at ${source.offset}` +
        (before > 0
          ? `: the stream was ${before} bytes further into its file when it ` +
            "was written"
          : ""),
    );
  }
  source.skip(mappedBitmapSize(block, pageSize));
  if (pagesOffset < source.offset) {
    refuse(`pages at ${pagesOffset}, inside the bitmap`);
  }
  source.skip(pagesOffset - source.offset);
  source.skip(block.usedLength);
  return { version, pageSize, bitmapOffset, pagesOffset };
}

/** Writes the header of a block's mapped-ram part, with offsets in the file. */
export function writeMappedHeader(sink: Sink, mapped: MappedBlock): void {
  sink.u32(mapped.version);
  sink.size64(mapped.pageSize);
  sink.size64(mapped.bitmapOffset);
  sink.size64(mapped.pagesOffset);
}

/** Bytes of {@linkcode writeMappedHeader}. */
const MAPPED_HEADER = 28;
/** Pages begin at a multiple of it. */
const MAPPED_ALIGNMENT = 0x10_0000;

/** Where QEMU puts a block's pages, if its header is at an offset in the file. */
export function placeMapped(block: RamBlock, at: number): MappedBlock {
  const { pageSize } = PLAIN_RAM_LAYOUT;
  const bitmapOffset = at + MAPPED_HEADER;
  const end = bitmapOffset + mappedBitmapSize(block, pageSize);
  return {
    version: MAPPED_VERSION,
    pageSize,
    bitmapOffset,
    pagesOffset: Math.ceil(end / MAPPED_ALIGNMENT) * MAPPED_ALIGNMENT,
  };
}

/** That of a block whose pages are left out. */
export const NOT_KEPT: MappedBlock = {
  version: MAPPED_VERSION,
  pageSize: PLAIN_RAM_LAYOUT.pageSize,
  bitmapOffset: 0,
  pagesOffset: 0,
};

/** Writes a block without its mapped-ram part. */
export function writeRamBlock(sink: Sink, block: RamBlock): void {
  sink.countedString(block.name);
  sink.size64(block.usedLength);
  if (block.pageSize !== undefined) sink.size64(block.pageSize);
  if (block.address !== undefined) sink.u64(block.address);
}
