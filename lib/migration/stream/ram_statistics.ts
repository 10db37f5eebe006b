import type { DecodedStream } from "./decoded.ts";
import { mappedBitmapSize, type RamBlock } from "./ram_block.ts";
import { RamFlag } from "./ram_records.ts";

/** What a stream carries of one RAM block. */
export interface RamBlockStatistics {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Pages with content. */
  pages: number;
  zeroPages: number;
  /** Pages sent as a difference. */
  xbzrlePages: number;
}

/** Counts the page records of each block, repeated ones as often as sent. */
export function ramStatistics(decoded: DecodedStream): RamBlockStatistics[] {
  const statistics: RamBlockStatistics[] = [];
  for (const record of decoded.records) {
    if (!("pages" in record)) continue;
    for (const block of record.blocks ?? []) {
      statistics.push(blockStatistics(decoded.input, block));
    }
    for (const run of record.pages) {
      const block = statistics[run.block];
      if (block === undefined) continue;
      if (run.kind === RamFlag.PAGE) block.pages += run.count;
      else if (run.kind === RamFlag.ZERO) block.zeroPages += run.count;
      else if (run.kind === RamFlag.XBZRLE) block.xbzrlePages += run.count;
    }
  }
  return statistics;
}

function blockStatistics(
  input: Uint8Array,
  block: RamBlock,
): RamBlockStatistics {
  const { name, usedLength: size, mapped } = block;
  const empty = { name, size, pages: 0, zeroPages: 0, xbzrlePages: 0 };
  if (mapped === undefined) return empty;
  const { bitmapOffset, pageSize } = mapped;
  const bitmap = input.subarray(
    bitmapOffset,
    bitmapOffset + mappedBitmapSize(block, pageSize),
  );
  const all = Math.ceil(size / pageSize);
  const whole = Math.floor(all / 8);
  let pages = 0;
  for (const [index, byte] of bitmap.entries()) {
    // Bits beyond the last page mean nothing.
    const bits = index < whole
      ? byte
      : index === whole
      ? byte & ((1 << (all % 8)) - 1)
      : 0;
    for (let left = bits; left !== 0; left &= left - 1) pages++;
  }
  return { ...empty, pages, zeroPages: all - pages };
}
