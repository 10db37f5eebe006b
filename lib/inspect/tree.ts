/**
 * The state of a section as a tree of lines. Repetitions are abbreviated:
 *
 * ```
 * irq_states   [4] 0 ×4
 * ram          [2]
 *   [0]
 *     size     4096
 *   [1]        as [0]
 * config       256 bytes, all 0
 * ```
 *
 * @module
 */

import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "../migration/stream/decoded.ts";
import {
  type Meaning,
  meaningOf,
} from "../migration/stream/layouts/meanings.ts";
import { membersOf, sameElement, type Scalar } from "./members.ts";

/** One line of a tree. */
export interface TreeLine {
  /** 0 for a field of the section. */
  readonly depth: number;
  readonly name: string;
  /** Empty for a line with only children. */
  readonly text: string;
  /** Stream offset; undefined if not known. */
  readonly offset: number | undefined;
}

/** The most bytes of a buffer that are shown. */
const SHOWN_BYTES = 24;
/** The most runs of equal elements that are shown of a list. */
const SHOWN_RUNS = 16;
/** From here on hex differs from decimal, and is shown as well. */
const TWO_WAYS = 10n;
/** A list with a number from here on is of registers or addresses. */
const LARGE = 256n;
const NOT_ARMED = -1n;
/** Text with the NULs that fill up its buffer. */
const TEXT = /^([ -~]{2,})\0*$/;
/** Longer bytes are no text. */
const MAX_TEXT = 512;

/** The lines of a struct: fields, then subsections. */
export function treeOf(struct: DecodedStruct): TreeLine[] {
  const lines: TreeLine[] = [];
  addStruct(lines, struct, 0);
  return lines;
}

function addStruct(
  lines: TreeLine[],
  struct: DecodedStruct,
  depth: number,
): void {
  const { fields, subsections } = membersOf(struct);
  for (const { key, field } of fields) addField(lines, key, field, depth);
  for (const { key, struct: sub } of subsections) {
    const text = `subsection, version ${sub.version}`;
    lines.push({ depth, name: key, text, offset: offsetOf(sub) });
    addStruct(lines, sub, depth + 1);
  }
}

/** The offset of the first field of a struct. */
function offsetOf(struct: DecodedStruct): number | undefined {
  return struct.fields[0]?.offset;
}

function addField(
  lines: TreeLine[],
  name: string,
  field: DecodedField,
  depth: number,
): void {
  const { type, value, offset } = field;
  if (isStruct(value)) {
    lines.push({ depth, name, text: "", offset });
    addStruct(lines, value, depth + 1);
  } else if (!Array.isArray(value)) {
    const text = scalarText(type, value);
    const why = field.reason === undefined
      ? ""
      : ` (not decoded: ${field.reason})`;
    lines.push({ depth, name, text: text + why, offset });
  } else if (value.some(isStruct)) {
    lines.push({ depth, name, text: `[${value.length}]`, offset });
    addElements(lines, value, depth + 1);
  } else {
    const text = `[${value.length}] ${listText(type, value)}`;
    lines.push({ depth, name, text, offset });
  }
}

function addElements(
  lines: TreeLine[],
  values: readonly DecodedValue[],
  depth: number,
): void {
  for (const { first, count } of runsOf(values)) {
    const value = values[first];
    if (value === undefined) continue;
    const at = isStruct(value) ? offsetOf(value) : undefined;
    const text = isStruct(value) ? "" : "null";
    const isMany = !isStruct(value) && count > 1;
    const name = isMany ? range(first, count) : `[${first}]`;
    lines.push({ depth, name, text, offset: at });
    if (!isStruct(value)) continue;
    addStruct(lines, value, depth + 1);
    if (count === 1) continue;
    const rest = values[first + 1];
    lines.push({
      depth,
      name: range(first + 1, count - 1),
      text: `as [${first}]`,
      offset: rest !== undefined && isStruct(rest) ? offsetOf(rest) : undefined,
    });
  }
}

function range(first: number, count: number): string {
  return count === 1 ? `[${first}]` : `[${first}…${first + count - 1}]`;
}

/** Runs of equal elements. */
function* runsOf(
  values: readonly DecodedValue[],
): Generator<{ first: number; count: number }> {
  for (let first = 0; first < values.length;) {
    const value = values[first];
    let end = first + 1;
    while (value !== undefined && sameElement(value, values[end])) end++;
    yield { first, count: end - first };
    first = end;
  }
}

/** The elements in order, with counts of equal ones. */
function listText(type: string, values: readonly DecodedValue[]): string {
  const texts: string[] = [];
  const inHex = type !== "timer" && values.some(isLarge);
  for (const { first, count } of runsOf(values)) {
    if (texts.length === SHOWN_RUNS) {
      texts.push(`… ${values.length - first} more`);
      break;
    }
    const value = values[first];
    if (value === undefined || isStruct(value)) continue;
    const text = Array.isArray(value)
      ? `(${listText(type, value)})`
      : elementText(type, value, inHex);
    texts.push(count === 1 ? text : `${text} ×${count}`);
  }
  return texts.join(", ");
}

function isLarge(value: DecodedValue): boolean {
  return isInteger(value) && value >= LARGE;
}

function isInteger(value: DecodedValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** An element of a list: in one way, as its neighbours. */
function elementText(type: string, value: Scalar, inHex: boolean): string {
  if (!isInteger(value) || type === "timer" || type.includes(":")) {
    return scalarText(type, value);
  }
  return inHex && value >= TWO_WAYS ? hexText(value) : String(value);
}

/** A value in one line. */
export function scalarText(type: string, value: Scalar): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) {
    return isMac(type) ? macText(value) : bytesText(value);
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean") return String(value);
  // QEMU writes 0 and 1, and reads any byte but 0 as true.
  if (type === "bool") return `true (byte ${value})`;
  if (type === "timer") {
    return value === NOT_ARMED ? "not armed" : `${value} ns`;
  }
  const meaning = meaningOf(type, value);
  if (meaning !== undefined) return meaningText(value, meaning);
  return BigInt(value) < TWO_WAYS
    ? String(value)
    : `${value} (${hexText(value)})`;
}

/** 0xf: ACKNOWLEDGE, DRIVER; 0x1af4: Red Hat; 0xfebc0000. */
function meaningText(value: number | bigint, meaning: Meaning): string {
  const names = meaning.kind === "flags"
    ? meaning.names.join(", ")
    : meaning.kind === "name"
    ? meaning.name
    : "";
  return names === "" ? hexText(value) : `${hexText(value)}: ${names}`;
}

function isMac(type: string): boolean {
  return type === "buffer:mac";
}

function macText(bytes: Uint8Array): string {
  return bytes.toHex().replaceAll(/(.{2})(?=.)/g, "$1:");
}

function hexText(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function bytesText(bytes: Uint8Array): string {
  const size = `${bytes.length} ${bytes.length === 1 ? "byte" : "bytes"}`;
  if (bytes.length > 1 && bytes.every((byte) => byte === 0)) {
    return `${size}, all 0`;
  }
  const text = quotedText(bytes);
  if (text !== undefined) return `${text} (${size})`;
  const hex = bytes.subarray(0, SHOWN_BYTES).toHex()
    .replaceAll(/(.{2})(?=.)/g, "$1 ");
  return bytes.length <= SHOWN_BYTES ? hex : `${hex} … (${size})`;
}

/** Bytes that hold a text, padded with zeros, as that text in quotes. */
export function quotedText(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_TEXT) return undefined;
  const text = TEXT.exec(String.fromCharCode(...bytes))?.[1];
  return text === undefined ? undefined : JSON.stringify(text);
}
