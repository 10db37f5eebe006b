import type { RamBlockStatistics } from "../migration/stream/mod.ts";
import { type FinalPages, finalPages } from "./final_pages.ts";
import type { StreamInspection } from "./inspection.ts";

/** A RAMBlock that differs. */
export interface BlockDifference {
  readonly name: string;
  readonly old: RamBlockStatistics | undefined;
  readonly new: RamBlockStatistics | undefined;
  /**
   * The differing pages; undefined if one side has no such block, or its pages
   * cannot be compared.
   */
  readonly pages: PageDifference | undefined;
}

/** Numbers of pages, by their final content. */
export interface PageDifference {
  /** In both streams, with different content. */
  readonly changed: number;
  /** Offsets in the block of the first of them. */
  readonly firstChanged: readonly number[];
  /** Only in the old stream: the content in the new one is not known. */
  readonly onlyOld: number;
  readonly onlyNew: number;
}

/** The RAMBlocks that differ. */
export function diffRam(
  old: StreamInspection,
  now: StreamInspection,
): BlockDifference[] {
  const before = blocksOf(old);
  const after = blocksOf(now);
  const differences: BlockDifference[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const a = before.get(name);
    const b = after.get(name);
    const pages = a === undefined || b === undefined
      ? undefined
      : diffPages(a.pages, b.pages);
    const isSame = pages !== undefined && isNone(pages) &&
      a?.statistics.size === b?.statistics.size &&
      a?.statistics.address === b?.statistics.address;
    if (isSame) continue;
    differences.push({ name, old: a?.statistics, new: b?.statistics, pages });
  }
  return differences;
}

/** Whether a block is in both streams, but its pages cannot be compared. */
export function isIncomparable(block: BlockDifference): boolean {
  return block.old !== undefined && block.new !== undefined &&
    block.pages === undefined;
}

/** As many pages are told apart; a guest has millions. */
const MAX_FIRST = 8;

interface Block {
  readonly statistics: RamBlockStatistics;
  readonly pages: FinalPages;
}

function blocksOf(inspection: StreamInspection): Map<string, Block> {
  const blocks = new Map<string, Block>();
  for (const [index, pages] of finalPages(inspection).entries()) {
    const statistics = inspection.ram[index];
    if (statistics !== undefined) {
      blocks.set(statistics.name, { statistics, pages });
    }
  }
  return blocks;
}

function diffPages(
  old: FinalPages,
  now: FinalPages,
): PageDifference | undefined {
  if (old.pageSize !== now.pageSize) return undefined;
  if (old.hasCompressed || now.hasCompressed) return undefined;
  let [changed, onlyOld, onlyNew] = [0, 0, 0];
  const firstChanged: number[] = [];
  for (const page of old.pages()) {
    if (old.isZero(page) && now.isZero(page)) continue;
    const a = old.content(page);
    const b = now.content(page);
    if (a === undefined) continue;
    if (b === undefined) onlyOld++;
    else if (!samePage(a, b)) {
      if (++changed <= MAX_FIRST) firstChanged.push(page * old.pageSize);
    }
  }
  for (const page of now.pages()) if (!old.has(page)) onlyNew++;
  return { changed, firstChanged, onlyOld, onlyNew };
}

function isNone({ changed, onlyOld, onlyNew }: PageDifference): boolean {
  return changed + onlyOld + onlyNew === 0;
}

/** Compares four bytes at a time: pages are not aligned. */
function samePage(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [viewOf(a), viewOf(b)];
  const words = a.length & ~3;
  for (let at = 0; at < words; at += 4) {
    if (left.getInt32(at) !== right.getInt32(at)) return false;
  }
  for (let at = words; at < a.length; at++) {
    if (a[at] !== b[at]) return false;
  }
  return true;
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
