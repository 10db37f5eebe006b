/**
 * Broken streams, the same ones for the same seed.
 *
 * Whatever the bytes, decoding them either is refused with a typed error, or
 * gives something that encodes to the same bytes.
 */

import { assert, assertEquals } from "@std/assert";
import {
  decodeStream,
  MigrationStreamError,
} from "../../lib/migration/stream/mod.ts";
import { Random } from "../random.ts";
import { encodeStream } from "./encode_stream.ts";
import { mutated } from "./mutations.ts";

export type Outcome = "decoded" | "refused";

/** Decodes; throws if that ends in any way but the two that it may. */
export function outcome(stream: Uint8Array): Outcome {
  let decoded;
  try {
    decoded = decodeStream(stream, { layouts: true });
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

/** What a run of {@linkcode fuzz} came to. */
export interface FuzzReport {
  decoded: number;
  refused: number;
}

/**
 * Decodes `runs` broken streams. An error says which one of the seed it was.
 */
export function fuzz(
  options: { corpus: readonly Uint8Array[]; seed: number; runs: number },
): FuzzReport {
  const random = new Random(options.seed);
  const report: FuzzReport = { decoded: 0, refused: 0 };
  for (let run = 0; run < options.runs; run++) {
    const stream = mutated(options.corpus, random);
    try {
      report[outcome(stream)]++;
    } catch (cause) {
      throw new Error(`Run ${run} of seed ${options.seed} broke the decoder`, {
        cause,
      });
    }
  }
  return report;
}

/** Outcomes of a stream cut after every `step` bytes. */
export function truncations(stream: Uint8Array, step: number): FuzzReport {
  const report: FuzzReport = { decoded: 0, refused: 0 };
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
  const report: FuzzReport = { decoded: 0, refused: 0 };
  const broken = stream.slice();
  for (let at = 0; at < stream.length; at += step) {
    const byte = stream[at] ?? 0;
    broken[at] = byte ^ mask;
    report[outcome(broken)]++;
    broken[at] = byte;
  }
  return report;
}
