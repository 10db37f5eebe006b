import type { DecodedStream } from "./decoded.ts";
import type { PageRun } from "./page_runs.ts";
import { isKept, mappedRuns, type RamBlock } from "./ram_block.ts";
import { RamFlag } from "./ram_records.ts";

/** The contents of a stream for one RAMBlock. */
export interface RamBlockStatistics {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Guest physical address; sent only with x-ignore-shared. */
  readonly address: bigint | undefined;
  /** Pages with content. */
  pages: number;
  zeroPages: number;
  /** Pages sent as a difference. */
  xbzrlePages: number;
  compressedPages: number;
  /** Bytes of content in the stream, as encoded. */
  sentBytes: number;
}

/** Counts the page records of each block, with repetitions. */
export function ramStatistics(decoded: DecodedStream): RamBlockStatistics[] {
  const statistics: RamBlockStatistics[] = [];
  for (const record of decoded.records) {
    if (!("pages" in record)) continue;
    for (const block of record.blocks ?? []) {
      statistics.push(blockStatistics(decoded.input, block));
    }
    for (const run of record.pages) {
      const block = statistics[run.block];
      if (block !== undefined) count(block, run);
    }
  }
  return statistics;
}

/** Where the pages of each kind are counted. */
const COUNTERS = {
  [RamFlag.PAGE]: "pages",
  [RamFlag.ZERO]: "zeroPages",
  [RamFlag.XBZRLE]: "xbzrlePages",
  [RamFlag.COMPRESS]: "compressedPages",
} as const;

function count(block: RamBlockStatistics, run: PageRun): void {
  if (run.kind === RamFlag.MULTIFD_FLUSH) return;
  block[COUNTERS[run.kind]] += run.count;
  block.sentBytes += run.count * run.length;
}

function blockStatistics(
  input: Uint8Array,
  block: RamBlock,
): RamBlockStatistics {
  const { name, usedLength: size, address, mapped } = block;
  const statistics = {
    name,
    size,
    address,
    pages: 0,
    zeroPages: 0,
    xbzrlePages: 0,
    compressedPages: 0,
    sentBytes: 0,
  };
  if (mapped === undefined || !isKept(mapped)) return statistics;
  for (const { first, count } of mappedRuns(input, block, mapped)) {
    const end = Math.min((first + count) * mapped.pageSize, size);
    statistics.sentBytes += end - first * mapped.pageSize;
    statistics.pages += count;
  }
  const all = Math.ceil(size / mapped.pageSize);
  return { ...statistics, zeroPages: all - statistics.pages };
}
