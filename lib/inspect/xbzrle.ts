/**
 * XBZRLE: a page that is sent as a delta.
 *
 * ```
 * delta = { ULEB128 unchanged bytes, ULEB128 n, n new bytes }…
 * ```
 *
 * @module
 */

import { MigrationStreamError } from "../migration/stream/error.ts";

/** The length of a page fits into two bytes. */
const LONGEST_NUMBER = 2;

/**
 * Applies a delta to a page.
 *
 * @param place of the delta in the stream, for messages
 * @throws {MigrationStreamError} when it reaches beyond the page
 */
export function applyXbzrle(
  delta: Uint8Array,
  page: Uint8Array,
  place: { readonly offset: number; readonly file: string },
): void {
  let at = 0;
  const refuse = (): never => {
    throw new MigrationStreamError(
      "XBZRLE data reach beyond their page",
      { section: "ram", instance: 0, ...place, offset: place.offset + at },
      { action: "decode" },
    );
  };
  const number = (): number => {
    let value = 0;
    for (let index = 0; index < LONGEST_NUMBER; index++) {
      const byte = delta[at++];
      if (byte === undefined) return refuse();
      value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) return value;
    }
    return refuse();
  };
  for (let place = 0; at < delta.length;) {
    place += number();
    const count = number();
    if (place + count > page.length || at + count > delta.length) refuse();
    page.set(delta.subarray(at, at + count), place);
    place += count;
    at += count;
  }
}
