import type { RamBlockStatistics } from "../migration/stream/mod.ts";
import type { StreamInspection } from "./inspection.ts";
import {
  ABSENT,
  DELTA,
  type PagePlaces,
  pagePlaces,
  ZERO,
} from "./page_places.ts";

/** What became of a RAMBlock. */
export interface BlockDifference {
  readonly name: string;
  readonly old: RamBlockStatistics | undefined;
  readonly new: RamBlockStatistics | undefined;
  /**
   * Pages that both streams have, with other content; undefined where pages
   * cannot be compared.
   */
  readonly differingPages: number | undefined;
}

/** Blocks that are not alike. */
export function diffRam(
  old: StreamInspection,
  now: StreamInspection,
): BlockDifference[] {
  const oldBlocks = new Map(old.ram.map((block) => [block.name, block]));
  const newBlocks = new Map(now.ram.map((block) => [block.name, block]));
  const oldPlaces = pagePlaces(old.decoded);
  const newPlaces = pagePlaces(now.decoded);
  const differences: BlockDifference[] = [];
  for (const name of new Set([...oldBlocks.keys(), ...newBlocks.keys()])) {
    const before = oldBlocks.get(name);
    const after = newBlocks.get(name);
    const a = oldPlaces.get(name);
    const b = newPlaces.get(name);
    const differingPages = a === undefined || b === undefined
      ? undefined
      : countDifferent(old.decoded.input, a, now.decoded.input, b);
    const isSame = before !== undefined && after !== undefined &&
      sameStatistics(before, after) && !differingPages;
    if (isSame) continue;
    differences.push({ name, old: before, new: after, differingPages });
  }
  return differences;
}

function sameStatistics(a: RamBlockStatistics, b: RamBlockStatistics): boolean {
  return a.size === b.size && a.pages === b.pages &&
    a.zeroPages === b.zeroPages && a.xbzrlePages === b.xbzrlePages;
}

function countDifferent(
  oldBytes: Uint8Array,
  old: PagePlaces,
  newBytes: Uint8Array,
  now: PagePlaces,
): number | undefined {
  const { pageSize } = old;
  if (pageSize !== now.pageSize) return undefined;
  const a = viewOf(oldBytes);
  const b = viewOf(newBytes);
  let count = 0;
  for (const [first, end] of old.ranges()) {
    for (let page = first; page < end; page++) {
      const before = old.of(page);
      const after = now.of(page);
      if (before === ABSENT || after === ABSENT) continue;
      if (before === DELTA || after === DELTA) return undefined;
      if (!samePage(a, before, b, after, pageSize)) count++;
    }
  }
  return count;
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Four bytes at a time: pages stand at odd offsets. */
function samePage(
  a: DataView,
  atA: number,
  b: DataView,
  atB: number,
  size: number,
): boolean {
  if (atA === ZERO && atB === ZERO) return true;
  for (let at = 0; at < size; at += 4) {
    const before = atA === ZERO ? 0 : a.getInt32(atA + at);
    const after = atB === ZERO ? 0 : b.getInt32(atB + at);
    if (before !== after) return false;
  }
  return true;
}
