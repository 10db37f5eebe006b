/**
 * Where in a stream the last content of each page of a block stands.
 *
 * @module
 */

import {
  type DecodedStream,
  mappedBitmapSize,
  type PageRun,
  type RamBlock,
  RamFlag,
} from "../migration/stream/mod.ts";

/** A page that is not in the stream. */
export const ABSENT = 0;
/** A page of zeros. */
export const ZERO = -1;
/** A page of which the stream only has what changed in it. */
export const DELTA = -2;

/** Bytes of a word and, in a record that goes on in its block, nothing else. */
const WORD = 8;
/** Pages whose places are kept in one array. */
const PAGES_NEAR = 32_768;

/** The pages of one block. */
export class PagePlaces {
  readonly #near = new Map<number, Float64Array>();

  constructor(readonly block: RamBlock, readonly pageSize: number) {}

  get pages(): number {
    return Math.ceil(this.block.usedLength / this.pageSize);
  }

  /** Stream offset of a page, or {@linkcode ABSENT} and its like. */
  of(page: number): number {
    const near = this.#near.get(Math.floor(page / PAGES_NEAR));
    return near?.[page % PAGES_NEAR] ?? ABSENT;
  }

  /** Ranges of pages of which some may be there. */
  *ranges(): Generator<readonly [first: number, end: number]> {
    const starts = [...this.#near.keys()].sort((a, b) => a - b);
    for (const start of starts) {
      const first = start * PAGES_NEAR;
      yield [first, Math.min(first + PAGES_NEAR, this.pages)];
    }
  }

  set(page: number, place: number): void {
    const start = Math.floor(page / PAGES_NEAR);
    let near = this.#near.get(start);
    if (near === undefined) {
      near = new Float64Array(PAGES_NEAR);
      this.#near.set(start, near);
    }
    near[page % PAGES_NEAR] = place;
  }
}

/** The pages of every block of a stream, by the block's name. */
export function pagePlaces(decoded: DecodedStream): Map<string, PagePlaces> {
  const blocks: PagePlaces[] = [];
  for (const record of decoded.records) {
    if (!("pages" in record)) continue;
    for (const block of record.blocks ?? []) {
      blocks.push(placesOf(block, decoded));
    }
    for (const run of record.pages) {
      const places = blocks[run.block];
      if (places !== undefined) addRun(places, run);
    }
  }
  return new Map(blocks.map((places) => [places.block.name, places]));
}

function addRun(places: PagePlaces, run: PageRun): void {
  if (run.kind === RamFlag.MULTIFD_FLUSH) return;
  const first = run.address / places.pageSize;
  for (let index = 0; index < run.count; index++) {
    const place = run.kind === RamFlag.ZERO
      ? ZERO
      : run.kind === RamFlag.XBZRLE
      ? DELTA
      : run.at + index * (WORD + places.pageSize);
    places.set(first + index, place);
  }
}

function placesOf(
  block: RamBlock,
  { input, layout }: DecodedStream,
): PagePlaces {
  const { mapped } = block;
  if (mapped === undefined) return new PagePlaces(block, layout.pageSize);
  const { bitmapOffset, pagesOffset, pageSize } = mapped;
  const places = new PagePlaces(block, pageSize);
  const bitmap = input.subarray(
    bitmapOffset,
    bitmapOffset + mappedBitmapSize(block, pageSize),
  );
  for (let page = 0; page < places.pages; page++) {
    const byte = bitmap[Math.floor(page / 8)] ?? 0;
    const isThere = (byte & (1 << (page % 8))) !== 0;
    places.set(page, isThere ? pagesOffset + page * pageSize : ZERO);
  }
  return places;
}
