/** The output of `diff` on a terminal; empty without a difference. */

import {
  type BlockDifference,
  changeOf,
  type Difference,
  type FieldDifference,
  type Leaf,
  quotedText,
  scalarText,
} from "../../inspect/mod.ts";
import {
  type Meaning,
  meaningOf,
  type RamBlockStatistics,
} from "../../migration/stream/mod.ts";
import type { Look } from "../process.ts";
import { columnsOf, padEnd } from "../wording/columns.ts";
import { formatSize } from "../wording/format.ts";
import { printable } from "../../inert.ts";
import { type Paint, painter } from "./paint.ts";

/** The most columns of a path. */
const PATH_COLUMNS = 40;
/** The most bytes of a buffer that are shown with both values. */
const SHOWN_BYTES = 8;

const MARKS = {
  added: ["+", "good"],
  removed: ["-", "bad"],
  changed: ["~", "careful"],
} as const;

/** The lines of a difference. */
export function* renderDiff(
  { configuration, sections, ram }: Difference,
  look: Look,
): Generator<string> {
  const paint = painter(look.colour);
  if (configuration.length > 0) {
    yield `${paint("~", "careful")} ${paint("configuration", "strong")}\n`;
    yield* renderFields(configuration, paint);
  }
  for (const { name, instanceId, change, fields } of sections) {
    const [mark, tone] = MARKS[change];
    const title = printable(`${name} ${instanceId}`);
    yield `${paint(mark, tone)} ${paint(title, "strong")}\n`;
    yield* renderFields(fields, paint);
  }
  for (const block of ram) yield* renderBlock(block, paint);
}

function* renderFields(
  fields: readonly FieldDifference[],
  paint: Paint,
): Generator<string> {
  const width = Math.min(
    PATH_COLUMNS,
    columnsOf(fields.map(({ path }) => printable(path))),
  );
  for (const { path, old, new: now } of fields) {
    const [mark, tone] = MARKS[changeOf(old, now)];
    yield `  ${paint(mark, tone)} ${padEnd(printable(path), width)}  ${
      printable(changeText(old, now))
    }\n`;
  }
}

function changeText(old: Leaf | undefined, now: Leaf | undefined): string {
  if (old === undefined || now === undefined) {
    const leaf = old ?? now;
    return leaf === undefined ? "" : leafText(leaf);
  }
  const { value: a } = old;
  const { value: b } = now;
  if (
    a instanceof Uint8Array && b instanceof Uint8Array &&
    a.length === b.length && a.length > 1
  ) {
    return bytesChange(a, b);
  }
  if (!isInteger(a) || !isInteger(b)) {
    return `${leafText(old)} → ${leafText(now)}`;
  }
  const flags = flagsChange(old, now);
  if (flags !== undefined) return flags;
  const numbers = numbersChange(a, b, old.type === "timer");
  return `${leafText(old)} → ${leafText(now)}${numbers}`;
}

/**
 * What changed of a set of flags, or the names of both values; undefined for
 * plain numbers.
 */
function flagsChange(old: Leaf, now: Leaf): string | undefined {
  const [before, after] = [namesOf(old), namesOf(now)];
  if (before === undefined || after === undefined) return undefined;
  const [was, is] = [leafText(old), leafText(now)];
  if (before.kind !== "flags" || after.kind !== "flags") {
    return `${was} → ${is}`;
  }
  const change = [
    ...after.names.filter((name) => !before.names.includes(name))
      .map((name) => `+${name}`),
    ...before.names.filter((name) => !after.names.includes(name))
      .map((name) => `-${name}`),
  ].join(", ");
  const [from, to] = [old, now].map(({ value }) => `0x${value?.toString(16)}`);
  return `${from} → ${to}${change === "" ? "" : ` (${change})`}`;
}

function namesOf({ type, value }: Leaf): Meaning | undefined {
  return isInteger(value) ? meaningOf(type, value) : undefined;
}

/** The difference of times and signed numbers, and the bits of all others. */
function numbersChange(
  a: number | bigint,
  b: number | bigint,
  isTime: boolean,
): string {
  if (isTime || a < 0 || b < 0) {
    const step = BigInt(b) - BigInt(a);
    return step === 0n ? "" : step > 0n ? ` (+${step})` : ` (${step})`;
  }
  return a > 9 || b > 9 ? ` (0x${a.toString(16)} → 0x${b.toString(16)})` : "";
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Without hex: a change has it for both numbers together. */
function leafText({ type, value }: Leaf): string {
  return isInteger(value) && type !== "timer" &&
      meaningOf(type, value) === undefined
    ? String(value)
    : scalarText(type, value);
}

/** As text if both are; else the first bytes that differ, by position. */
function bytesChange(a: Uint8Array, b: Uint8Array): string {
  const [old, now] = [quotedText(a), quotedText(b)];
  if (old !== undefined && now !== undefined) return `${old} → ${now}`;
  const hex = (byte = 0) => byte.toString(16).padStart(2, "0");
  const different = [...a.keys()].filter((at) => a[at] !== b[at]);
  const shown = different.slice(0, SHOWN_BYTES)
    .map((at) => `${at}: ${hex(a[at])} → ${hex(b[at])}`).join(", ");
  const more = different.length - SHOWN_BYTES;
  return `byte ${shown}` +
    (more > 0 ? `, and ${more} more; --json prints all ${a.length} bytes` : "");
}

function* renderBlock(
  block: BlockDifference,
  paint: Paint,
): Generator<string> {
  const { old, new: now, pages } = block;
  const title = paint(`RAM ${printable(block.name)}`, "strong");
  if (old === undefined || now === undefined) {
    const [mark, tone] = MARKS[changeOf(old, now)];
    yield `${paint(mark, tone)} ${title}  ${
      formatSize((old ?? now)?.size ?? 0)
    }\n`;
    return;
  }
  yield `${paint("~", "careful")} ${title}\n`;
  if (old.size !== now.size) {
    yield `  ~ size  ${old.size} → ${now.size}\n`;
  }
  if (old.address !== now.address) {
    yield `  ~ address  ${addressText(old)} → ${addressText(now)}\n`;
  }
  if (pages === undefined) return yield "  ~ pages cannot be compared\n";
  const { changed, firstChanged, onlyOld, onlyNew } = pages;
  if (changed > 0) {
    const at = firstChanged.map((offset) => `0x${offset.toString(16)}`);
    const more = changed > at.length ? ", …" : "";
    yield `  ~ pages that differ: ${changed}, at ${at.join(", ")}${more}\n`;
  }
  if (onlyOld > 0) yield `  - pages only in the old stream: ${onlyOld}\n`;
  if (onlyNew > 0) yield `  + pages only in the new stream: ${onlyNew}\n`;
}

function addressText({ address }: RamBlockStatistics): string {
  return address === undefined ? "none" : `0x${address.toString(16)}`;
}
