/** How a field of a state changed, in words. */

import type { FieldDifference } from "../../inspect/diff.ts";
import type { Leaf } from "../../inspect/members.ts";
import { quotedText, scalarText } from "../../inspect/tree.ts";
import {
  type Meaning,
  meaningOf,
} from "../../migration/stream/layouts/meanings.ts";

/** Both values, one if the field was added or removed, or what differs. */
export interface Change {
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Both values in hex, if that tells more. */
  readonly hex?: readonly [from: string, to: string] | undefined;
  /** More of the change, without brackets; may be empty. */
  readonly note: string;
}

/** The most bytes of a buffer that are shown with both values. */
const SHOWN_BYTES = 8;

/** How a field changed. */
export function changeOf({ old, new: now }: FieldDifference): Change {
  if (old === undefined || now === undefined) {
    const [from, to] = [old, now].map((it) => it && leafText(it));
    return { from, to, note: "" };
  }
  const { value: a } = old;
  const { value: b } = now;
  if (
    a instanceof Uint8Array && b instanceof Uint8Array &&
    a.length === b.length && a.length > 1
  ) {
    return bytesChange(a, b);
  }
  const plain = { from: leafText(old), to: leafText(now), note: "" };
  if (!isInteger(a) || !isInteger(b)) return plain;
  const flags = flagsChange(old, now);
  if (flags !== undefined) return flags;
  // Times and signed numbers by their difference, all others by their bits.
  if (old.type === "timer" || a < 0 || b < 0) {
    return { ...plain, note: stepText(BigInt(b) - BigInt(a)) };
  }
  return a > 9 || b > 9 ? { ...plain, hex: [hexText(a), hexText(b)] } : plain;
}

/** What changed of a set of flags; undefined for plain numbers. */
function flagsChange(old: Leaf, now: Leaf): Change | undefined {
  const [before, after] = [namesOf(old), namesOf(now)];
  if (before === undefined || after === undefined) return undefined;
  if (before.kind !== "flags" || after.kind !== "flags") {
    return { from: leafText(old), to: leafText(now), note: "" };
  }
  const note = [
    ...after.names.filter((name) => !before.names.includes(name))
      .map((name) => `+${name}`),
    ...before.names.filter((name) => !after.names.includes(name))
      .map((name) => `-${name}`),
  ].join(", ");
  const [from, to] = [old, now].map(({ value }) => `0x${value?.toString(16)}`);
  return { from, to, note };
}

function namesOf({ type, value }: Leaf): Meaning | undefined {
  return isInteger(value) ? meaningOf(type, value) : undefined;
}

function stepText(step: bigint): string {
  return step === 0n ? "" : step > 0n ? `+${step}` : `${step}`;
}

function hexText(value: number | bigint): string {
  return `0x${value.toString(16)}`;
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
function bytesChange(a: Uint8Array, b: Uint8Array): Change {
  const [from, to] = [quotedText(a), quotedText(b)];
  if (from !== undefined && to !== undefined) return { from, to, note: "" };
  const hex = (byte = 0) => byte.toString(16).padStart(2, "0");
  const different = [...a.keys()].filter((at) => a[at] !== b[at]);
  const shown = different.slice(0, SHOWN_BYTES)
    .map((at) => `${at}: ${hex(a[at])} → ${hex(b[at])}`).join(", ");
  const more = different.length - SHOWN_BYTES;
  const note = `byte ${shown}` +
    (more > 0 ? `, and ${more} more; --json prints all ${a.length} bytes` : "");
  return { from: undefined, to: undefined, note };
}
