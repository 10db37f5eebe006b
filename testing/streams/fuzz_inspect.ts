/**
 * Broken states against everything that looks into them: whatever the bytes,
 * they are shown up to a typed problem, or are verified.
 */

import { assert } from "@std/assert";
import { renderDiffPage, renderStatePage } from "../../lib/cli/html/mod.ts";
import { renderDiff } from "../../lib/cli/terminal/diff.ts";
import { renderDescription } from "../../lib/cli/terminal/fields.ts";
import {
  renderCprState,
  renderSections,
  renderSummary,
} from "../../lib/cli/terminal/inspection.ts";
import { errorText } from "../../lib/cli/wording/errors.ts";
import { decodeForeignCprState } from "../../lib/cpr/mod.ts";
import { sectionsInUse } from "../../lib/inspect/compat/mod.ts";
import {
  changeOfField,
  diff,
  extractRam,
  fieldsAt,
  fieldsWith,
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
import { UpdateProblem } from "../../lib/update/error.ts";
import { SavedState } from "../../lib/update/transaction/saved_state.ts";
import { PLAIN } from "../program/captured.ts";
import { Random } from "../random.ts";
import type { Seeds } from "./fuzz_seeds.ts";
import { type BrokenState, brokenState, type Kind } from "./fuzz_states.ts";
import { inputOf } from "./streams.ts";

/** How looking ended. */
export interface Looked {
  readonly kind: Kind;
  /** Whether it is verified, or why it is not. */
  readonly outcome: "decoded" | "refused";
  /** Bytes of the state. */
  readonly read: number;
  /** Characters that were written. */
  readonly written: number;
}

const LOOK = { ...PLAIN, offsets: true };
/** Of pages for a browser. */
const WRITTEN = { host: "host", at: new Date(0) };
const LIMIT = 100;
/** Values for a field; not all fit it. */
const VALUES = ["0", "1", "-1", "true", "00", "0xffffffffffffffff"] as const;

/** Looks into broken states. */
export class Fuzz {
  /** Whole states of which broken ones are made; they are looked into often. */
  readonly #inspected = new Map<Uint8Array, Inspection>();

  /**
   * @param folder for files and guest memory; each run leaves it empty, or with
   * the file `state`
   */
  constructor(private readonly seeds: Seeds, private readonly folder: string) {
    for (const whole of Object.values(seeds).flat()) {
      this.#inspected.set(whole, inspect(inputOf(whole)));
    }
  }

  /** The state of a run, to be looked into. */
  state(seed: number, run: number): BrokenState {
    return brokenState(this.seeds, { seed, run }, this.folder);
  }

  /** Throws if looking ends in any way but the two it may. */
  async look(state: BrokenState): Promise<Looked> {
    const { kind, path, whole, another, random } = state;
    if (path !== undefined) keepState(path);
    const output = new Output();
    let read = 0;
    const refused = await refusalOf(async () => {
      using input = await state.open();
      read = input.bytes.length;
      const view = new View(input, output);
      view.all(random, this.folder);
      const before = whole && this.#inspected.get(whole);
      if (before !== undefined) view.compare(before);
      if (another !== undefined) compareBroken(view, another);
    }, output);
    const outcome = refused ? "refused" : "decoded";
    return { kind, outcome, read, written: output.length };
  }
}

/** Looks into a state that is whole, or that takes as long as it may. */
export function lookInto(bytes: Uint8Array, folder: string): Promise<boolean> {
  const output = new Output();
  return refusalOf(
    () => new View(inputOf(bytes), output).all(new Random(0), folder),
    output,
  );
}

/** As an update keeps it. */
function keepState(path: string): void {
  for (const isCompleted of [true, false]) {
    try {
      using saved = SavedState.open(path);
      saved.keep(isCompleted);
    } catch (error) {
      if (!(error instanceof UpdateProblem)) throwUntyped(error);
    }
  }
}

/** Whether it was refused; an error that may not be is thrown. */
async function refusalOf(
  look: () => void | Promise<void>,
  output: Output,
): Promise<boolean> {
  try {
    await look();
    return false;
  } catch (error) {
    throwUntyped(error);
    output.add(errorText(error, false));
    return true;
  }
}

/** The most characters of a message: names in it may be long. */
const LONGEST_MESSAGE = 4096;

function throwUntyped(error: unknown): void {
  const isTyped = error instanceof StreamError ||
    error instanceof InspectError;
  const isNotIdentical = error instanceof InspectError &&
    error.code === "not-identical";
  const isClear = isTyped && error.message.length < LONGEST_MESSAGE &&
    !/\b(?:undefined|NaN|Infinity)\b|\[object/.test(error.message);
  if (!isClear || isNotIdentical) throw error;
}

/** What is written for people and programs. */
class Output {
  length = 0;

  add(text: string): void {
    this.length += text.length;
    // deno-lint-ignore no-control-regex -- none may be written
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(text), "control characters");
  }

  addAll(texts: Iterable<string>): void {
    for (const text of texts) this.add(text);
  }
}

/** Everything that shows one state. */
class View {
  readonly #inspection: Inspection;

  constructor(private readonly input: Input, private readonly output: Output) {
    this.#inspection = inspect(input);
  }

  /** @param folder for guest memory; is left empty */
  all(random: Random, folder: string): void {
    const { input } = this;
    const inspection = this.#inspection;
    this.#show();
    if (inspection.format === "cpr-state") decodeForeignCprState(input.bytes);
    else {
      sectionsInUse(inspection.sections);
      const [block] = inspection.ram;
      if (block !== undefined) findFirstPage(inspection, block.name);
      changeOneField(inspection, random);
      const { problem } = inspection;
      if (problem !== undefined) {
        assert(problem.offset >= 0 && problem.offset <= input.bytes.length);
        throw problem;
      }
    }
    verify(inspection, input);
    this.compare(inspection);
    if (inspection.format === "cpr-state") return;
    for (const { path } of extractRam(inspection, input, folder)) {
      Deno.removeSync(path);
    }
  }

  /** As a tree, as JSON and as a page. */
  #show(): void {
    const { output } = this;
    const inspection = this.#inspection;
    const chosen = inspection.format === "cpr-state" ? [] : inspection.sections;
    const page = renderStatePage(
      { inspection, sections: chosen, limit: LIMIT },
      WRITTEN,
    );
    assert(page.endsWith("</html>\n"));
    output.add(page);
    writeJson(inspection, chosen, (text) => output.add(text));
    if (inspection.format === "cpr-state") {
      output.addAll(renderCprState(inspection, LOOK));
      return;
    }
    const { sections, decoded } = inspection;
    const devices = decoded.vmdesc?.description.devices ?? [];
    output.addAll(renderDescription(devices));
    output.addAll(renderSummary(inspection, LOOK));
    output.addAll(renderSections(sections, LOOK));
    for (const section of sections) {
      for (const _ of fieldsWith(section, "a"));
      const { state } = section;
      if (state === undefined || !isStruct(state)) continue;
      for (const { depth } of treeOf(state)) assert(depth < 100);
    }
  }

  /** With a state from before; one of another format cannot be compared. */
  compare(old: Inspection): void {
    if (old.format !== this.#inspection.format) return;
    const { output } = this;
    const difference = diff(old, this.#inspection);
    output.addAll(renderDiff(difference, LOOK));
    const names = { old: "a", new: "b" };
    writeDiffJson(difference, names, (text) => output.add(text));
    const page = renderDiffPage(
      { difference, ...names, limit: LIMIT },
      WRITTEN,
    );
    assert(page.endsWith("</html>\n"));
    output.add(page);
  }
}

/** Another state need not be whole. */
function compareBroken(view: View, another: Uint8Array): void {
  try {
    view.compare(inspect(inputOf(another)));
  } catch (error) {
    throwUntyped(error);
  }
}

/** The first page of a block, which need not be there. */
function findFirstPage(inspection: StreamInspection, block: string): void {
  try {
    findPage(inspection, { block, offset: 0 });
  } catch (error) {
    throwUntyped(error);
  }
}

/** The change of any field, which need not fit it. */
function changeOneField(inspection: StreamInspection, random: Random): void {
  const { sections } = inspection;
  if (sections.length === 0) return;
  const section = random.one(sections);
  const count = Iterator.from(fieldsAt(section, "*")).reduce((n) => n + 1, 0);
  if (count === 0) return;
  const [field] = Iterator.from(fieldsAt(section, "*"))
    .drop(random.below(count));
  const path = field?.path ?? "";
  try {
    changeOfField(inspection, sections, { path, text: random.one(VALUES) });
  } catch (error) {
    throwUntyped(error);
  }
}
