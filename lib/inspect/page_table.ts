import { InspectError } from "./error.ts";

/** Pages in a row; neighbours share one. */
const ROW = 16;
/** The limit of a Map. */
const MAXIMUM_ROWS = 2 ** 24;

/** A sparse table with a number for each page of a block. */
export class PageTable {
  /** Offsets of rows, by the common part of their page numbers. */
  readonly #rows = new Map<number, number>();
  #values = new Float64Array(0);

  /** The number of a page; 0 if none was set. */
  get(page: number): number {
    const row = this.#rows.get(Math.floor(page / ROW));
    return row === undefined ? 0 : this.#values[row * ROW + page % ROW] ?? 0;
  }

  /** @throws {InspectError} when there are too many rows */
  set(page: number, value: number): void {
    const near = Math.floor(page / ROW);
    let row = this.#rows.get(near);
    if (row === undefined) {
      row = this.#rows.size;
      if (row === MAXIMUM_ROWS) {
        throw new InspectError(
          "too-many-pages",
          "There are too many pages of guest memory",
        );
      }
      this.#rows.set(near, row);
      if ((row + 1) * ROW > this.#values.length) {
        const length = Math.max(ROW, 2 * this.#values.length);
        const bytes = length * Float64Array.BYTES_PER_ELEMENT;
        this.#values = new Float64Array(this.#values.buffer.transfer(bytes));
      }
    }
    this.#values[row * ROW + page % ROW] = value;
  }

  /** The pages that have a number. */
  *pages(): Generator<number> {
    for (const [near, row] of this.#rows) {
      for (let at = 0; at < ROW; at++) {
        if (this.#values[row * ROW + at] !== 0) yield near * ROW + at;
      }
    }
  }
}
