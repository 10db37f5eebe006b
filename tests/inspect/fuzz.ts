/**
 * Broken states against everything that looks into them: whatever the bytes,
 * they are shown up to a typed problem, or are verified.
 */

import { assert } from "@std/assert";
import {
  diff,
  inspect,
  InspectError,
  treeOf,
  verify,
  writeJson,
} from "../../lib/inspect/mod.ts";
import { isStruct } from "../../lib/migration/stream/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { data, STREAMS } from "../data/data.ts";
import { type FuzzReport, mutated, Random } from "../migration/stream/fuzz.ts";
import { written } from "../migration/stream/machine.ts";
import {
  everyType,
  inputOf,
  mappedRam,
  withOpaque,
  withRam,
} from "./streams.ts";

/** Whole states, small ones and real ones. */
export async function corpus(): Promise<Uint8Array[]> {
  return [
    written(),
    everyType(),
    withRam(),
    withOpaque(),
    mappedRam(),
    await data("cpr-exec-q35-plain.qcpr"),
    ...await Promise.all(STREAMS.map(data)),
  ];
}

/** Looks into a state; throws if that ends in any way but the two it may. */
export function look(bytes: Uint8Array): "decoded" | "refused" {
  const input = inputOf(bytes);
  try {
    const inspection = inspect(input);
    if (inspection.format === "cpr-state") {
      verify(inspection, input);
      return "decoded";
    }
    const { sections, problem } = inspection;
    writeJson(inspection, sections, () => {});
    for (const { state } of sections) {
      if (state === undefined || !isStruct(state)) continue;
      for (const { depth } of treeOf(state)) assert(depth < 100);
    }
    if (problem !== undefined) throw problem;
    verify(inspection, input);
    diff(inspection, inspection);
    return "decoded";
  } catch (error) {
    const isNotIdentical = error instanceof InspectError &&
      error.code === "not-identical";
    const isTyped = error instanceof StreamError ||
      error instanceof InspectError;
    if (!isTyped || isNotIdentical) throw error;
    return "refused";
  }
}

/**
 * Looks into `runs` broken states. An error says which one of the seed it was.
 *
 * @param begun told of each run before it
 */
export function fuzzInspect(
  options: {
    corpus: readonly Uint8Array[];
    seed: number;
    runs: number;
    begun?: (run: number) => void;
  },
): FuzzReport {
  const { corpus, seed, runs, begun } = options;
  const random = new Random(seed);
  const report: FuzzReport = { decoded: 0, refused: 0, slowestMs: 0 };
  for (let run = 0; run < runs; run++) {
    const bytes = mutated(corpus, random);
    begun?.(run);
    const start = performance.now();
    try {
      report[look(bytes)]++;
    } catch (cause) {
      throw new Error(`Run ${run} of seed ${seed} broke it`, { cause });
    }
    report.slowestMs = Math.max(report.slowestMs, performance.now() - start);
  }
  return report;
}
