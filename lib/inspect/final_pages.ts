/**
 * The final content of a block's pages: the last record of a page counts, and
 * an XBZRLE record changes the content before it.
 *
 * @module
 */

import type { PageRun } from "../migration/stream/page_runs.ts";
import {
  isKept,
  mappedRuns,
  PAGE_BITS,
  type RamBlock,
} from "../migration/stream/ram_block.ts";
import { RamFlag } from "../migration/stream/ram_records.ts";
import { InspectError } from "./error.ts";
import type { StreamInspection } from "./inspection.ts";
import { PageTable } from "./page_table.ts";
import { applyXbzrle } from "./xbzrle.ts";

/** Entries of the table for pages without a position. */
const ABSENT = 0;
const ZERO = -1;
const COMPRESSED = -2;
/** Entries from here downwards are numbers of deltas. */
const FIRST_DELTA = -3;

/** The largest page, of zeros. */
const ZEROS = new Uint8Array(2 ** PAGE_BITS.most);

/** A page as a delta to its content before. */
interface Delta {
  /** The entry of the table before. */
  readonly before: number;
  /** Offset in the stream. */
  readonly at: number;
  readonly length: number;
}

/** The pages of one block. */
export class FinalPages {
  readonly #table = new PageTable();
  readonly #deltas: Delta[] = [];
  /** Whether there are pages compressed by zlib. */
  hasCompressed = false;

  constructor(
    readonly block: RamBlock,
    readonly pageSize: number,
    readonly input: Uint8Array,
    readonly file: string,
  ) {
    const { mapped } = block;
    if (mapped === undefined) return;
    for (const { first, count } of mappedRuns(input, block, mapped)) {
      for (let page = first; page < first + count; page++) {
        this.#table.set(page, mapped.pagesOffset + page * pageSize);
      }
    }
  }

  /** The pages in the stream; with mapped-ram all pages of the block. */
  *pages(): Generator<number> {
    if (!this.#isMapped) return yield* this.#table.pages();
    const end = Math.ceil(this.block.usedLength / this.pageSize);
    for (let page = 0; page < end; page++) yield page;
  }

  /** Whether a page is in the stream. */
  has(page: number): boolean {
    return this.#stateOf(page) !== ABSENT;
  }

  /** Whether a page has only records of zeros. */
  isZero(page: number): boolean {
    return this.#stateOf(page) === ZERO;
  }

  /**
   * The bytes of a page; undefined if it is not in the stream. Fewer than a
   * page at the end of a block with mapped-ram.
   *
   * @throws {MigrationStreamError} when an XBZRLE record cannot be applied
   * @throws {InspectError} when the block has compressed pages
   */
  content(page: number): Uint8Array | undefined {
    const state = this.#stateOf(page);
    if (state === ABSENT) return undefined;
    const start = page * this.pageSize;
    const size = Math.min(this.pageSize, this.block.usedLength - start);
    return this.#resolved(state).subarray(0, size);
  }

  /** Adds the next records of the stream. */
  add(run: PageRun): void {
    const first = run.address / this.pageSize;
    switch (run.kind) {
      case RamFlag.ZERO:
      case RamFlag.PAGE:
        for (let index = 0; index < run.count; index++) {
          const isZero = run.kind === RamFlag.ZERO;
          const place = isZero ? ZERO : run.at + index * run.step;
          this.#table.set(first + index, place);
        }
        break;
      case RamFlag.XBZRLE: {
        const { at, length } = run;
        const before = this.#table.get(first);
        this.#table.set(first, FIRST_DELTA - this.#deltas.length);
        this.#deltas.push({ before, at, length });
        break;
      }
      case RamFlag.COMPRESS:
        this.hasCompressed = true;
        this.#table.set(first, COMPRESSED);
        break;
    }
  }

  get #isMapped(): boolean {
    const { mapped } = this.block;
    return mapped !== undefined && isKept(mapped);
  }

  #stateOf(page: number): number {
    const state = this.#table.get(page);
    const isInBlock = page * this.pageSize < this.block.usedLength;
    return state === ABSENT && this.#isMapped && isInBlock ? ZERO : state;
  }

  #resolved(state: number): Uint8Array {
    const deltas: Delta[] = [];
    let base = state;
    while (base <= FIRST_DELTA) {
      const delta = this.#deltas[FIRST_DELTA - base];
      if (delta === undefined) throw new TypeError("There is no such delta");
      deltas.push(delta);
      base = delta.before;
    }
    if (base === COMPRESSED) {
      throw new InspectError(
        "compressed-pages",
        `Cannot read RAMBlock "${this.block.name}" of "${this.file}": its ` +
          "pages are compressed",
        { remedy: "Save the VM with the capability compress off" },
      );
    }
    // A page without an earlier record is zeros on the destination.
    const bytes = base <= ABSENT
      ? ZEROS.subarray(0, this.pageSize)
      : this.input.subarray(base, base + this.pageSize);
    if (deltas.length === 0) return bytes;
    const page = Uint8Array.from(bytes);
    for (const { at, length } of deltas.reverse()) {
      applyXbzrle(this.input.subarray(at, at + length), page, {
        offset: at,
        file: this.file,
      });
    }
    return page;
  }
}

/** The pages of every block of a stream. */
export function finalPages(
  { file, decoded }: StreamInspection,
): FinalPages[] {
  const { records, input, layout } = decoded;
  const blocks: FinalPages[] = [];
  for (const record of records) {
    if (!("pages" in record)) continue;
    for (const block of record.blocks ?? []) {
      const pageSize = block.mapped?.pageSize ?? layout.pageSize;
      blocks.push(new FinalPages(block, pageSize, input, file));
    }
    for (const run of record.pages) blocks[run.block]?.add(run);
  }
  return blocks;
}
