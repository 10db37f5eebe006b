/** Limits what a page shows, so that a browser can show it. */

import { type Markup, markup, NOTHING } from "./markup.ts";

/** Rows that a page may still have. */
export class Rows {
  #left: number;

  constructor(readonly limit: number) {
    this.#left = limit;
  }

  /** Whether there is room for one more, which is taken. */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  /** The items that have room, with what each becomes. */
  *fill<Item, Row>(
    items: Iterable<Item>,
    row: (item: Item) => Row,
  ): Generator<Row> {
    for (const item of items) {
      if (!this.take()) return;
      yield row(item);
    }
  }

  /** Whether none is left. */
  get isFull(): boolean {
    return this.#left === 0;
  }
}

/** How many have no room. */
export function leftOut(count: number, { limit }: Rows): Markup {
  if (count === 0) return NOTHING;
  return markup`<p class="note more">${count} more are left out (--limit ${limit})</p>
`;
}
