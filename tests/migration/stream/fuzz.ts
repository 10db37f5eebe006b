/**
 * Broken streams, the same ones for the same seed.
 *
 * Whatever the bytes, decoding them either is refused with a typed error, or
 * gives something that encodes to the same bytes.
 */

import { assert, assertEquals } from "@std/assert";
import {
  decodeStream,
  encodeStream,
  MigrationStreamError,
} from "../../../lib/migration/stream/mod.ts";

export type Outcome = "decoded" | "refused";

/** Decodes; throws if that ends in any way but the two that it may. */
export function outcome(stream: Uint8Array): Outcome {
  let decoded;
  try {
    decoded = decodeStream(stream);
  } catch (error) {
    if (!(error instanceof MigrationStreamError)) throw error;
    const { offset } = error.location;
    assert(offset >= 0 && offset <= stream.length, `offset ${offset}`);
    return "refused";
  }
  const again = encodeStream(decoded);
  assertEquals(again.length, stream.length);
  assertEquals(firstDifference(again, stream), undefined);
  return "decoded";
}

/** A loop, as this runs a hundred thousand times over. */
function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return at;
  return undefined;
}

/** Random numbers that a seed fixes (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … limit - 1 */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError("Nothing to choose from");
    return choice;
  }
}

type Mutation = (stream: Uint8Array, random: Random) => Uint8Array;

const LENGTHS = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff] as const;
const DIGITS = { first: 0x30, last: 0x39 } as const;
/** The longest piece that is moved about. */
const PIECE = 600;

const flipBit: Mutation = (stream, random) => {
  const at = random.below(stream.length);
  stream[at] = (stream[at] ?? 0) ^ (1 << random.below(8));
  return stream;
};

const setByte: Mutation = (stream, random) => {
  stream[random.below(stream.length)] = random.of([0, 5, 6, 0x30, 0x7e, 0xff]);
  return stream;
};

const lieAboutLength: Mutation = (stream, random) => {
  if (stream.length < 4) return stream;
  const view = new DataView(stream.buffer, stream.byteOffset);
  view.setUint32(random.below(stream.length - 3), random.of(LENGTHS));
  return stream;
};

/** Most digits stand in vmdesc: sizes, versions, array lengths. */
const changeDigit: Mutation = (stream, random) => {
  const from = random.below(stream.length);
  const at = stream.findIndex((byte, index) =>
    index >= from && byte >= DIGITS.first && byte <= DIGITS.last
  );
  if (at >= 0) stream[at] = DIGITS.first + random.below(10);
  return stream;
};

const cut: Mutation = (stream, random) =>
  stream.slice(0, random.below(stream.length + 1));

const remove: Mutation = (stream, random) => {
  const at = random.below(stream.length);
  const end = at + random.below(PIECE);
  return joined(stream.subarray(0, at), stream.subarray(end));
};

const splice: Mutation = (stream, random) => {
  const from = random.below(stream.length);
  const piece = stream.slice(from, from + random.below(PIECE));
  const at = random.below(stream.length);
  return joined(stream.subarray(0, at), piece, stream.subarray(at));
};

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
] as const;

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A stream of the corpus with one to four things wrong. */
export function mutated(
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  let stream: Uint8Array = random.of(corpus).slice();
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (stream.length > 0) stream = random.of(MUTATIONS)(stream, random);
  }
  return stream;
}

/** What a run of {@linkcode fuzz} came to. */
export interface FuzzReport {
  decoded: number;
  refused: number;
  slowestMs: number;
}

/**
 * Decodes `runs` broken streams. An error says which one of the seed it was.
 */
export function fuzz(
  options: { corpus: readonly Uint8Array[]; seed: number; runs: number },
): FuzzReport {
  const random = new Random(options.seed);
  const report: FuzzReport = { decoded: 0, refused: 0, slowestMs: 0 };
  for (let run = 0; run < options.runs; run++) {
    const stream = mutated(options.corpus, random);
    const start = performance.now();
    try {
      report[outcome(stream)]++;
    } catch (cause) {
      throw new Error(`Run ${run} of seed ${options.seed} broke the decoder`, {
        cause,
      });
    }
    report.slowestMs = Math.max(report.slowestMs, performance.now() - start);
  }
  return report;
}

/** Outcomes of a stream cut after every `step` bytes. */
export function truncations(stream: Uint8Array, step: number): FuzzReport {
  const report: FuzzReport = { decoded: 0, refused: 0, slowestMs: 0 };
  for (let length = 0; length < stream.length; length += step) {
    report[outcome(stream.subarray(0, length))]++;
  }
  return report;
}

/** Outcomes of a stream with one byte in every `step` changed by `mask`. */
export function flips(
  stream: Uint8Array,
  mask: number,
  step: number,
): FuzzReport {
  const report: FuzzReport = { decoded: 0, refused: 0, slowestMs: 0 };
  const broken = stream.slice();
  for (let at = 0; at < stream.length; at += step) {
    const byte = stream[at] ?? 0;
    broken[at] = byte ^ mask;
    report[outcome(broken)]++;
    broken[at] = byte;
  }
  return report;
}
