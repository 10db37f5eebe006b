/** Inspects a state file and prints the result. */

import { CprctlError, UsageError } from "../../errors.ts";
import type { Input } from "../../inspect/input.ts";
import {
  inspect,
  type InspectedSection,
  type Inspection,
  type StreamInspection,
} from "../../inspect/inspection.ts";
import {
  type WorkDone,
  writeErrorJson,
  writeJson,
} from "../../inspect/json.ts";
import { openCprState } from "../../inspect/open_cpr_state.ts";
import { openInput } from "../../inspect/open_input.ts";
import { selectSections } from "../../inspect/select_sections.ts";
import { PAGE_ROWS } from "../options/shared.ts";
import type { CliProcess } from "../process.ts";
import {
  type InspectLook,
  renderCprState,
  renderSections,
  renderSummary,
} from "../terminal/inspection.ts";
import { writeLimited } from "../terminal/limited.ts";
import { ProgressLine } from "../terminal/progress_line.ts";
import type { InspectFlags } from "./inspect_flags.ts";

/**
 * Prints the state in a file or of a process.
 *
 * @throws {UsageError} unless exactly one is given
 * @throws the stream's problem, after everything before it was printed
 */
export async function presentInspection(
  process: CliProcess,
  flags: InspectFlags,
  file: string | undefined,
): Promise<void> {
  const write = (text: string) => process.stdout.write(text);
  if (flags.report !== undefined && file !== undefined) {
    const { refuseInput } = await import("../files/state_page.ts");
    refuseInput(flags.report, [file]);
  }
  using stack = new DisposableStack();
  let looked: Looked;
  try {
    looked = await look(process, stack, flags, file);
  } catch (error) {
    const isAboutFile = error instanceof CprctlError &&
      !(error instanceof UsageError);
    if (flags.json && isAboutFile) {
      writeErrorJson(file ?? `process ${flags.pid}`, error, write);
    }
    throw error;
  }
  const { inspection, sections, done } = looked;
  if (flags.report !== undefined) {
    const { writeStatePage } = await import("../files/state_page.ts");
    const limit = flags.limit ?? PAGE_ROWS;
    await writeStatePage(flags.report, { inspection, sections, limit });
  }
  const { failure, ...work } = done;
  const problem = problemOf(inspection) ?? failure;
  if (flags.json) writeJson(inspection, sections, write, done);
  else if (Object.keys(work).length > 0) {
    const { printWorkDone } = await import("./inspection_work.ts");
    printWorkDone(process, inspection.file, work);
  } else if (failure === undefined && flags.report === undefined) {
    const texts = await rendered(inspection, sections, process, flags);
    writeLimited(texts, flags.limit, write);
  }
  if (problem !== undefined) throw problem;
}

/** The results to print. */
interface Looked {
  readonly inspection: Inspection;
  readonly sections: readonly InspectedSection[];
  readonly done: WorkDone;
}

/** Checks first whether all requests are possible. */
async function look(
  process: CliProcess,
  stack: DisposableStack,
  flags: InspectFlags,
  file: string | undefined,
): Promise<Looked> {
  const input = stack.use(await open(flags, file));
  const passes = 1 + Number(flags.verify) +
    Number(flags["extract-ram"] !== undefined) +
    Number(flags.set !== undefined);
  using line = new ProgressLine(process, input.bytes.length, passes);
  const inspection = inspect(input, (offset) => line.show(offset));
  const sections = chosen(inspection, flags);
  if (passes === 1) return { inspection, sections, done: {} };
  const { work } = await import("./inspection_work.ts");
  const done = work(inspection, sections, input, flags, line);
  return { inspection, sections, done };
}

function problemOf(inspection: Inspection): Error | undefined {
  return inspection.format === "cpr-state" ? undefined : inspection.problem;
}

async function open(
  { pid, offset: start, snapshot }: InspectFlags,
  file: string | undefined,
): Promise<Input> {
  if (pid !== undefined && (start ?? snapshot) !== undefined) {
    const option = start === undefined ? "--snapshot" : "--offset";
    throw new UsageError(`Cannot combine ${option} and --pid`);
  }
  if (pid !== undefined && file === undefined) return openCprState(pid);
  if (pid === undefined && file !== undefined) {
    return await openInput(file, { start, snapshot });
  }
  throw new UsageError(
    pid === undefined ? "No input was given" : "Cannot combine FILE and --pid",
    { remedy: "Name a state file, or a process with --pid" },
  );
}

function chosen(
  inspection: Inspection,
  flags: InspectFlags,
): readonly InspectedSection[] {
  const { section, grep, field, page, desc, json, report, set, output } = flags;
  const alone = { grep, field, page, desc, json, report, set };
  const [one, another] = Object.entries(alone)
    .filter(([, given]) => given !== undefined && given !== false);
  if (one !== undefined && another !== undefined) {
    throw new UsageError(`Cannot combine --${one[0]} and --${another[0]}`);
  }
  if ((set === undefined) !== (output === undefined)) {
    throw new UsageError("Give --set and --output together");
  }
  if (inspection.format === "migration-stream") {
    return section === undefined
      ? inspection.sections
      : selectSections(inspection.sections, section);
  }
  if (section !== undefined) {
    throw new UsageError("Cannot select a section: CPR state has none");
  }
  if ((grep ?? field ?? set) !== undefined || desc) {
    throw new UsageError("Cannot select fields: CPR state has none");
  }
  if (page !== undefined) {
    throw new UsageError("Cannot show a page: CPR state has none");
  }
  if (flags["extract-ram"] !== undefined) {
    throw new UsageError("Cannot extract RAM: CPR state has none");
  }
  return [];
}

async function rendered(
  inspection: Inspection,
  sections: readonly InspectedSection[],
  process: CliProcess,
  flags: InspectFlags,
): Promise<Iterable<string>> {
  const look = { ...process.look, offsets: flags.offsets };
  if (inspection.format === "cpr-state") {
    return renderCprState(inspection, look);
  }
  const { section, grep, field, page, desc } = flags;
  if ((grep ?? field ?? page) !== undefined || desc) {
    const { renderPart } = await import("./inspection_part.ts");
    return renderPart(inspection, sections, look, flags);
  }
  return section === undefined
    ? renderWhole(inspection, look)
    : renderSections(sections, look);
}

function* renderWhole(
  inspection: StreamInspection,
  look: InspectLook,
): Generator<string> {
  yield* renderSummary(inspection, look);
  yield* renderSections(inspection.sections, look);
}
