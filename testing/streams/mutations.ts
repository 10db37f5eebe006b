/** Breaks states in small ways, the same ones for the same seed. */

import { qemuJson } from "../../lib/migration/stream/mod.ts";
import { findVmdesc } from "../../lib/migration/stream/find_places.ts";
import type { Random } from "../random.ts";
import { joined } from "./foreign.ts";

/** @param other one that pieces may come from */
export type Mutation = (
  stream: Uint8Array,
  random: Random,
  other: Uint8Array,
) => Uint8Array;

const LENGTHS = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff] as const;
const DIGITS = { first: 0x30, last: 0x39 } as const;
/** The longest piece that is moved about. */
const PIECE = 600;

export const flipBit: Mutation = (stream, random) => {
  const at = random.below(stream.length);
  stream[at] = (stream[at] ?? 0) ^ (1 << random.below(8));
  return stream;
};

const setByte: Mutation = (stream, random) => {
  stream[random.below(stream.length)] = random.one([0, 5, 6, 0x30, 0x7e, 0xff]);
  return stream;
};

export const lieAboutLength: Mutation = (stream, random) => {
  if (stream.length < 4) return stream;
  const view = new DataView(stream.buffer, stream.byteOffset);
  view.setUint32(random.below(stream.length - 3), random.one(LENGTHS));
  return stream;
};

/** Most digits stand in vmdesc: sizes, versions, array lengths. */
const changeDigit: Mutation = (stream, random) => {
  for (let at = random.below(stream.length); at < stream.length; at++) {
    const byte = stream[at] ?? 0;
    if (byte < DIGITS.first || byte > DIGITS.last) continue;
    stream[at] = DIGITS.first + random.below(10);
    break;
  }
  return stream;
};

const cut: Mutation = (stream, random) =>
  stream.slice(0, random.below(stream.length + 1));

const remove: Mutation = (stream, random) => {
  const at = random.below(stream.length);
  const end = at + random.below(PIECE);
  return joined(stream.subarray(0, at), stream.subarray(end));
};

const splice: Mutation = (stream, random, other) => {
  const from = random.below(Math.max(1, other.length));
  const piece = other.slice(from, from + random.below(PIECE));
  const at = random.below(stream.length);
  return joined(stream.subarray(0, at), piece, stream.subarray(at));
};

/** The beginning of one stream, the end of another. */
const cross: Mutation = (stream, random, other) =>
  joined(
    stream.subarray(0, random.below(stream.length)),
    other.subarray(random.below(Math.max(1, other.length))),
  );

/** A description that is JSON as before, and says something else. */
const redescribe: Mutation = (stream, random) => {
  const place = findVmdesc(stream, 0);
  if (place === undefined) return stream;
  const { offset, text } = place;
  const root = parsed(text);
  if (root === undefined) return stream;
  changeJson(root, random);
  const changed = new TextEncoder().encode(qemuJson(root));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, changed.length);
  const after = offset + VMDESC_HEADER + text.length;
  return joined(
    stream.subarray(0, offset + 1),
    ...[length, changed, stream.subarray(after)],
  );
};

const VMDESC_HEADER = 5;

function parsed(text: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    // An earlier mutation broke it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Changes one value somewhere inside. */
function changeJson(root: unknown, random: Random): void {
  let value = root;
  for (;;) {
    if (typeof value !== "object" || value === null) return;
    const keys = Object.keys(value);
    if (keys.length === 0) return;
    const key = random.one(keys);
    const record: Record<string, unknown> = Object.assign(value);
    const member = record[key];
    const isInner = typeof member === "object" && member !== null;
    if (isInner && random.below(6) > 0) {
      value = member;
      continue;
    }
    if (Array.isArray(value)) changeList(value, Number(key), random);
    else record[key] = replacement(member, root, random);
    return;
  }
}

function changeList(list: unknown[], at: number, random: Random): void {
  const element = list[at];
  switch (random.below(4)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, ...Array(1 + random.below(40)).fill(element));
      break;
    case 2:
      list.reverse();
      break;
    default:
      list[at] = replacement(element, list, random);
  }
}

/** Another value in the place of one. */
function replacement(value: unknown, inner: unknown, random: Random): unknown {
  switch (random.below(3)) {
    case 0:
      return random.one<unknown>(
        typeof value === "string" ? WORDS : [0, 1, 2, 255, 2 ** 32, -1, 0.5],
      );
    case 1:
      return random.one([null, "", [], {}, true, 4096]);
    default:
      return structuredClone(inner);
  }
}

const WORDS = ["", "x", "bool", "timer", "uint64", "struct", "ptr-marker"];

const MUTATIONS = [
  flipBit,
  flipBit,
  setByte,
  lieAboutLength,
  changeDigit,
  changeDigit,
  cut,
  remove,
  splice,
  cross,
  redescribe,
  redescribe,
] as const;

/** A stream of the corpus with one to four things wrong. */
export function mutated(
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  return broken(random.one(corpus), corpus, random);
}

/** The same of one stream; pieces come from the corpus. */
export function broken(
  whole: Uint8Array,
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  let stream: Uint8Array = whole.slice();
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (stream.length === 0) continue;
    stream = random.one(MUTATIONS)(stream, random, random.one(corpus));
  }
  return stream;
}
