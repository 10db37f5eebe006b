/** The output of `inspect --page` on a terminal. */

import type { FoundPage, PageSource } from "../../inspect/mod.ts";
import { printable } from "../../inert.ts";
import type { Look } from "../process.ts";
import { hexdump } from "./hexdump.ts";
import { painter } from "./paint.ts";

/** A busy page is sent again and again. */
const SHOWN_RECORDS = 16;

const KINDS: Readonly<Record<PageSource["kind"], string>> = {
  page: "page",
  zero: "zero page",
  xbzrle: "XBZRLE",
  mapped: "mapped-ram page",
  "clear bit": "zero page, by the bitmap",
};

/** A page: where it comes from, and its bytes with their offsets in the block. */
export function* renderGuestPage(
  { block, offset, content, records }: FoundPage,
  look: Look,
): Generator<string> {
  const paint = painter(look.colour);
  const place = `0x${offset.toString(16)}`;
  yield `${paint(printable(block), "strong")} at ${place}  ${
    paint(`${content.length} bytes`, "faint")
  }\n`;
  const base = records.findLastIndex(({ kind }) => kind !== "xbzrle");
  const left = Math.max(0, records.length - SHOWN_RECORDS);
  if (left > 0) yield `  … ${left} records before\n`;
  for (const [index, { kind, offset, size }] of records.entries()) {
    if (index < left) continue;
    const replaced = index < base ? ", replaced later" : "";
    const length = kind === "xbzrle" ? `, ${size} bytes` : "";
    yield `  ${
      paint(`${KINDS[kind]} at offset ${offset}${length}${replaced}`, "faint")
    }\n`;
  }
  yield "\n";
  for (const line of hexdump(content, offset)) yield `  ${line}\n`;
}
