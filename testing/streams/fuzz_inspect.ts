/**
 * Broken states against everything that looks into them: whatever the bytes,
 * they are shown up to a typed problem, or are verified.
 */

import { assert } from "@std/assert";
import { ownCpuTime } from "../../ffi/cpu_time.ts";
import { renderDiffPage, renderStatePage } from "../../lib/cli/html/mod.ts";
import { renderDiff } from "../../lib/cli/terminal/diff.ts";
import { renderDescription } from "../../lib/cli/terminal/fields.ts";
import {
  renderCprState,
  renderSections,
  renderSummary,
} from "../../lib/cli/terminal/inspection.ts";
import { sectionsInUse } from "../../lib/inspect/compat/mod.ts";
import {
  diff,
  extractRam,
  fieldsAt,
  findPage,
  type Input,
  inspect,
  InspectError,
  type Inspection,
  type StreamInspection,
  treeOf,
  verify,
  writeDiffJson,
  writeJson,
} from "../../lib/inspect/mod.ts";
import { isStruct } from "../../lib/migration/stream/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { PLAIN } from "../program/captured.ts";
import { data, STREAMS } from "../data/data.ts";
import { brokenBomb, withHole } from "./fuzz_bombs.ts";
import { type FuzzReport, mutated, Random } from "./fuzz_decode.ts";
import { written } from "./machine.ts";
import {
  codedPages,
  everyType,
  inputOf,
  mappedRam,
  postcopy,
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
    codedPages(),
    postcopy(),
    await data("cpr-exec-q35-plain.qcpr"),
    ...await Promise.all(STREAMS.map(data)),
  ];
}

type Outcome = "decoded" | "refused";

const LOOK = { ...PLAIN, offsets: true };
/** Of pages for a browser. */
const WRITTEN = { host: "host", at: new Date(0) };
const LIMIT = 100;

/** Looks into states, one after the other; holds each against the one before. */
export class Looker {
  readonly #folder: string | undefined;
  #before: Inspection | undefined;

  /**
   * @param folder for guest memory, which is not extracted otherwise; each look
   * leaves it empty
   */
  constructor(folder?: string) {
    this.#folder = folder;
  }

  /** Throws if looking ends in any way but the two it may. */
  look(input: Input): Outcome {
    try {
      const inspection = inspect(input);
      show(inspection);
      if (inspection.format === "migration-stream") {
        if (inspection.problem !== undefined) throw inspection.problem;
        sectionsInUse(inspection.sections);
        const [block] = inspection.ram;
        if (block !== undefined) findFirstPage(inspection, block.name);
      }
      verify(inspection, input);
      compare(inspection, inspection);
      const before = this.#before;
      this.#before = inspection;
      if (before?.format === inspection.format) compare(before, inspection);
      if (
        inspection.format === "migration-stream" && this.#folder !== undefined
      ) {
        for (const { path } of extractRam(inspection, input, this.#folder)) {
          Deno.removeSync(path);
        }
      }
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
}

/** As a tree, and as JSON. */
function show(inspection: Inspection): void {
  const none = () => {};
  const chosen = inspection.format === "cpr-state" ? [] : inspection.sections;
  const page = { inspection, sections: chosen, limit: LIMIT };
  assert(renderStatePage(page, WRITTEN).endsWith("</html>\n"));
  if (inspection.format === "cpr-state") {
    writeJson(inspection, [], none);
    for (const _ of renderCprState(inspection, LOOK));
    return;
  }
  const { sections, decoded } = inspection;
  writeJson(inspection, sections, none);
  for (const section of sections) fieldsAt(section, "*");
  for (const _ of renderDescription(decoded.vmdesc?.description.devices ?? []));
  for (const _ of renderSummary(inspection, LOOK));
  for (const _ of renderSections(sections, LOOK));
  for (const { state } of sections) {
    if (state === undefined || !isStruct(state)) continue;
    for (const { depth } of treeOf(state)) assert(depth < 100);
  }
}

/** The first page of a block, which need not be there. */
function findFirstPage(inspection: StreamInspection, block: string): void {
  try {
    findPage(inspection, { block, offset: 0 });
  } catch (error) {
    if (!(error instanceof InspectError)) throw error;
  }
}

function compare(old: Inspection, now: Inspection): void {
  const difference = diff(old, now);
  for (const _ of renderDiff(difference, LOOK));
  const names = { old: "a", new: "b" };
  writeDiffJson(difference, names, () => {});
  const page = { difference, ...names, limit: LIMIT };
  assert(renderDiffPage(page, WRITTEN).endsWith("</html>\n"));
}

/** So that the memory of a bomb is not taken for that of the next one. */
function collectGarbage(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (gc instanceof Function) gc();
}

/**
 * Looks into `runs` broken states. An error says which one of the seed it was.
 *
 * @param options.folder an empty one, for guest memory
 * @param options.begun told of each run before it
 */
export async function fuzzInspect(
  options: {
    corpus: readonly Uint8Array[];
    seed: number;
    runs: number;
    /** One run in so many is a bomb, and one has a hole; none by default. */
    bombEvery?: number;
    folder: string;
    begun?: (run: number) => void;
  },
): Promise<FuzzReport> {
  const { corpus, seed, runs, bombEvery = 0, folder, begun } = options;
  const random = new Random(seed);
  const looker = new Looker(folder);
  const report = { decoded: 0, refused: 0, slowestMs: 0, slowestBombMs: 0 };
  for (let run = 0; run < runs; run++) {
    const kind = bombEvery > 0 ? random.below(bombEvery) : NaN;
    const isBomb = kind < 2;
    using input = kind === 0
      ? brokenBomb(random)
      : kind === 1
      ? await withHole(random.one(corpus), random, `${folder}/hole`)
      : inputOf(mutated(corpus, random));
    begun?.(run);
    const start = ownCpuTime();
    try {
      // Nothing is held against a bomb: it may be gone by then.
      report[(isBomb ? new Looker(folder) : looker).look(input)]++;
    } catch (cause) {
      throw new Error(`Run ${run} of seed ${seed} broke it`, { cause });
    }
    if (isBomb) collectGarbage();
    const slowest = isBomb ? "slowestBombMs" : "slowestMs";
    report[slowest] = Math.max(report[slowest], ownCpuTime() - start);
  }
  return report;
}
