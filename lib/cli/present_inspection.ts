/** From a state file to what is printed of it. */

import { UsageError } from "../errors.ts";
import {
  extractRam,
  type Input,
  inspect,
  type InspectedSection,
  type Inspection,
  openCprState,
  openInput,
  selectSections,
  verify,
  type WorkDone,
  writeJson,
} from "../inspect/mod.ts";
import {
  renderCprState,
  renderSections,
  renderSummary,
  renderWorkDone,
} from "./inspect_text.ts";
import type { CliProcess } from "./process.ts";
import { ProgressLine } from "./progress_line.ts";

/** The words after `cprctl inspect`. */
export interface InspectFlags {
  readonly pid?: number;
  readonly section?: string;
  readonly offsets: boolean;
  readonly json: boolean;
  readonly verify: boolean;
  readonly "extract-ram"?: string;
}

/**
 * Prints what is in a file or a process.
 *
 * @throws {UsageError} when it is not said which, or both are
 * @throws the stream's problem, once all before it was printed
 */
export function presentInspection(
  process: CliProcess,
  flags: InspectFlags,
  file: string | undefined,
): void {
  using input = open(flags.pid, file);
  using line = new ProgressLine(process, input.bytes.length);
  const inspection = inspect(input, (offset) => line.show(offset));
  const done = work(inspection, input, flags, (at) => line.show(at));
  line.clear();
  const sections = chosen(inspection, flags.section);
  if (flags.json) {
    const write = (text: string) => process.stdout.write(text);
    writeJson(inspection, sections, write, done);
  } else if (Object.keys(done).length > 0) {
    process.stdout.write(renderWorkDone(inspection.file, done, process.look));
  } else {
    for (const text of rendered(inspection, sections, process, flags)) {
      process.stdout.write(text);
    }
  }
  if (inspection.format === "migration-stream" && inspection.problem) {
    throw inspection.problem;
  }
}

function open(pid: number | undefined, file: string | undefined): Input {
  if (pid !== undefined && file === undefined) return openCprState(pid);
  if (pid === undefined && file !== undefined) return openInput(file);
  throw new UsageError(
    pid === undefined
      ? "Cannot inspect nothing"
      : "Cannot inspect a file and a process at once",
    { remedy: "Name a file, or a process with --pid" },
  );
}

/** What is to be done beside looking. */
function work(
  inspection: Inspection,
  input: Input,
  flags: InspectFlags,
  progress: (offset: number) => void,
): WorkDone {
  const folder = flags["extract-ram"];
  if (folder !== undefined && inspection.format === "cpr-state") {
    throw new UsageError("Cannot extract RAM: CPR state has none");
  }
  return {
    ...flags.verify ? { verdict: verify(inspection, input, progress) } : {},
    ...folder === undefined || inspection.format === "cpr-state"
      ? {}
      : { extracted: extractRam(inspection, input, folder, progress) },
  };
}

function chosen(
  inspection: Inspection,
  wanted: string | undefined,
): readonly InspectedSection[] {
  if (inspection.format === "cpr-state") return [];
  return wanted === undefined
    ? inspection.sections
    : selectSections(inspection.sections, wanted);
}

function* rendered(
  inspection: Inspection,
  sections: readonly InspectedSection[],
  process: CliProcess,
  flags: InspectFlags,
): Generator<string> {
  const look = { ...process.look, offsets: flags.offsets };
  if (inspection.format === "cpr-state") {
    return yield* renderCprState(inspection, look);
  }
  if (flags.section === undefined) yield* renderSummary(inspection, look);
  yield* renderSections(sections, look);
}
