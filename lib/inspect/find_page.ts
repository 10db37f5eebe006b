import type { PageRun } from "../migration/stream/page_runs.ts";
import { isKept } from "../migration/stream/ram_block.ts";
import { RamFlag } from "../migration/stream/ram_records.ts";
import { InspectError } from "./error.ts";
import { type FinalPages, finalPages } from "./final_pages.ts";
import type { StreamInspection } from "./inspection.ts";

/** A place in guest memory. */
export interface PagePlace {
  /** Name of a RAMBlock. */
  readonly block: string;
  /** Offset in the block, of any byte of the page. */
  readonly offset: number;
}

/** A page of guest memory. */
export interface FoundPage {
  readonly block: string;
  /** Offset of its first byte in the block. */
  readonly offset: number;
  /** Its final content; of a damaged stream, that before the damage. */
  readonly content: Uint8Array;
  /** All records of it, in stream order. */
  readonly records: readonly PageSource[];
}

/** Where a content of a page comes from. */
export interface PageSource {
  readonly kind: "page" | "zero" | "xbzrle" | "mapped" | "clear bit";
  /** Stream offset of the data; of the bitmap for a clear bit. */
  readonly offset: number;
  /** Bytes of data. */
  readonly size: number;
}

/** More names would not help. */
const MOST_NAMES = 5;

/**
 * Finds a page by a place in it.
 *
 * @throws {InspectError} when there is no such block, or the page is not in the
 *   stream
 * @throws {MigrationStreamError} when the stream is damaged before the page, or
 *   an XBZRLE record cannot be applied
 */
export function findPage(
  inspection: StreamInspection,
  { block: name, offset }: PagePlace,
): FoundPage {
  const blocks = finalPages(inspection);
  const index = blocks.findIndex(({ block }) => block.name === name);
  const pages = blocks[index];
  if (pages === undefined) throw noBlock(inspection, name);
  const { usedLength } = pages.block;
  if (offset >= usedLength) {
    throw new InspectError(
      "no-page",
      `Cannot find offset ${offset} in RAMBlock "${name}": it has ` +
        `${usedLength} bytes`,
    );
  }
  const page = Math.floor(offset / pages.pageSize);
  const content = pages.content(page);
  if (content === undefined) {
    throw inspection.problem ?? new InspectError(
      "no-page",
      `Cannot show offset ${offset} of RAMBlock "${name}": its page is not in ` +
        "the stream",
    );
  }
  return {
    block: name,
    offset: page * pages.pageSize,
    content,
    records: [
      ...mappedSource(pages, page),
      ...recordsOf(inspection, index, page * pages.pageSize),
    ],
  };
}

/** With mapped-ram a page has a place of its own, and no records. */
function mappedSource(pages: FinalPages, page: number): PageSource[] {
  const { block: { mapped, usedLength }, pageSize } = pages;
  if (mapped === undefined || !isKept(mapped)) return [];
  if (pages.isZero(page)) {
    return [{ kind: "clear bit", offset: mapped.bitmapOffset, size: 0 }];
  }
  const start = page * pageSize;
  const size = Math.min(pageSize, usedLength - start);
  return [{ kind: "mapped", offset: mapped.pagesOffset + start, size }];
}

function recordsOf(
  { decoded: { records, layout: { pageSize } } }: StreamInspection,
  block: number,
  address: number,
): PageSource[] {
  const sources: PageSource[] = [];
  for (const record of records) {
    if (!("pages" in record)) continue;
    for (const run of record.pages) {
      const nth = (address - run.address) / pageSize;
      const kind = KINDS[run.kind];
      const isIn = kind !== undefined && run.block === block && nth >= 0 &&
        nth < run.count;
      if (!isIn) continue;
      // The fill byte of a zero page is read before its data, which is none.
      const fill = kind === "zero" ? 1 : 0;
      const offset = run.at + nth * run.step - fill;
      sources.push({ kind, offset, size: run.length + fill });
    }
  }
  return sources;
}

/** None for compressed ones, which have no content here. */
const KINDS: Readonly<Partial<Record<PageRun["kind"], PageSource["kind"]>>> = {
  [RamFlag.ZERO]: "zero",
  [RamFlag.PAGE]: "page",
  [RamFlag.XBZRLE]: "xbzrle",
};

function noBlock({ ram }: StreamInspection, name: string): InspectError {
  const names = ram.map((block) => block.name);
  const more = names.length > MOST_NAMES ? ", …" : "";
  return new InspectError(
    "no-block",
    `Cannot find RAMBlock "${name}" in the stream`,
    names.length === 0 ? {} : {
      remedy: `Name one of ${names.slice(0, MOST_NAMES).join(", ")}${more}`,
    },
  );
}
