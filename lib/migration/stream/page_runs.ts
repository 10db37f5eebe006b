import {
  pageKind,
  RamFlag,
  type RamPageRecord,
  recordSize,
} from "./ram_records.ts";

/** Page records of one kind that are consecutive in block and stream. */
export interface PageRun {
  readonly kind: RamPageRecord["kind"] | typeof RamFlag.MULTIFD_FLUSH;
  /** True if the first record has the name of its block. */
  readonly named: boolean;
  /** Index into the block list. */
  readonly block: number;
  /** Offset of the first page in the block. */
  readonly address: number;
  readonly count: number;
  /** Stream offset of the first record's data. */
  readonly at: number;
  /** Data bytes of each record. */
  readonly length: number;
  /** Distance of the data of two records, in a run of many. */
  readonly step: number;
}

/** Numbers for each run: flags, block, address, count, at, length. */
const COLUMNS = 6;
const [FLAGS, BLOCK, ADDRESS, COUNT, AT, LENGTH] = [0, 1, 2, 3, 4, 5] as const;

/**
 * The page records of a section as runs in one flat array: a million pages are
 * some thousand runs, and no page is kept in memory.
 */
export class PageRuns {
  readonly #columns: number[] = [];

  constructor(private readonly pageSize: number) {}

  /** Number of runs. */
  get length(): number {
    return this.#columns.length / COLUMNS;
  }

  /** Adds a record, to the last run if it continues that. */
  add(record: RamPageRecord): void {
    if (this.#continues(record)) return this.extend(1);
    const flags = record.kind | (record.named ? 0 : RamFlag.CONTINUE);
    const { block, address, at, length } = record;
    this.#columns.push(flags, block, address, 1, at, length);
  }

  /** Extends the last run by so many records. */
  extend(count: number): void {
    const at = this.#columns.length - COLUMNS + COUNT;
    this.#columns[at] = this.#at(at) + count;
  }

  /** Adds a sync point of multifd channels. */
  addFlush(): void {
    this.#columns.push(RamFlag.MULTIFD_FLUSH, 0, 0, 1, 0, 0);
  }

  /** The runs in stream order. */
  *[Symbol.iterator](): Generator<PageRun> {
    for (let row = 0; row < this.#columns.length; row += COLUMNS) {
      const flags = this.#at(row + FLAGS);
      const kind = pageKind(flags) ?? RamFlag.MULTIFD_FLUSH;
      yield {
        kind,
        named: (flags & RamFlag.CONTINUE) === 0,
        block: this.#at(row + BLOCK),
        address: this.#at(row + ADDRESS),
        count: this.#at(row + COUNT),
        at: this.#at(row + AT),
        length: this.#at(row + LENGTH),
        step: isOfMany(kind) ? recordSize(kind, this.pageSize) : 0,
      };
    }
  }

  #continues({ kind, named, block, address, at }: RamPageRecord): boolean {
    if (named || this.length === 0 || !isOfMany(kind)) return false;
    const row = this.#columns.length - COLUMNS;
    const count = this.#at(row + COUNT);
    const step = recordSize(kind, this.pageSize);
    return (this.#at(row + FLAGS) & ~RamFlag.CONTINUE) === kind &&
      this.#at(row + BLOCK) === block &&
      this.#at(row + ADDRESS) + count * this.pageSize === address &&
      this.#at(row + AT) + count * step === at;
  }

  #at(index: number): number {
    return this.#columns[index] ?? 0;
  }
}

/** Records of other kinds vary in length: each is a run of its own. */
function isOfMany(
  kind: PageRun["kind"],
): kind is typeof RamFlag.PAGE | typeof RamFlag.ZERO {
  return kind === RamFlag.PAGE || kind === RamFlag.ZERO;
}
