/** Inspects a state file and prints the result. */

import { CprctlError, UsageError } from "../../errors.ts";
import {
  changeOfField,
  extractRam,
  fieldsAt,
  fieldsWith,
  type FieldValue,
  findPage,
  type FoundField,
  type Input,
  inspect,
  type InspectedSection,
  InspectError,
  type Inspection,
  openCprState,
  openInput,
  type PagePlace,
  selectSections,
  type StreamInspection,
  verify,
  type WorkDone,
  writeChanged,
  writeErrorJson,
  writeJson,
} from "../../inspect/mod.ts";
import type { DeviceDescription } from "../../migration/stream/mod.ts";
import { PAGE_ROWS } from "../options/shared.ts";
import type { CliProcess } from "../process.ts";
import { renderGuestPage } from "../terminal/guest_page.ts";
import {
  renderCprState,
  renderDescription,
  renderFound,
  renderSections,
  renderSummary,
  renderWorkDone,
} from "../terminal/inspection.ts";
import { writeLimited } from "../terminal/limited.ts";
import { ProgressLine } from "../terminal/progress_line.ts";

/** The options of `cprctl inspect`. */
export interface InspectFlags {
  readonly pid: number | undefined;
  readonly section: string | undefined;
  readonly grep: string | undefined;
  readonly field: string | undefined;
  readonly page: PagePlace | undefined;
  readonly desc: boolean;
  readonly set: FieldValue | undefined;
  readonly output: string | undefined;
  readonly offset: number | undefined;
  readonly snapshot: string | undefined;
  readonly offsets: boolean;
  readonly json: boolean;
  readonly limit: number | undefined;
  readonly report: string | undefined;
  readonly verify: boolean;
  readonly "extract-ram": string | undefined;
}

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
    write(renderWorkDone(inspection.file, work, process.look));
  } else if (failure === undefined && flags.report === undefined) {
    const texts = rendered(inspection, sections, process, flags);
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

/** The additional actions, as far as possible. */
function work(
  inspection: Inspection,
  sections: readonly InspectedSection[],
  input: Input,
  flags: InspectFlags,
  line: ProgressLine,
): WorkDone {
  const progress = (offset: number) => line.show(offset);
  const { set, output, "extract-ram": folder } = flags;
  let done: WorkDone = {};
  try {
    if (flags.verify) {
      line.nextPass();
      done = { verdict: verify(inspection, input, progress) };
    }
    if (folder !== undefined && inspection.format !== "cpr-state") {
      line.nextPass();
      const extracted = extractRam(inspection, input, folder, progress);
      done = { ...done, extracted };
    }
    const isSet = set !== undefined && output !== undefined;
    if (isSet && inspection.format !== "cpr-state") {
      line.nextPass();
      const field = changeOfField(inspection, sections, set);
      writeChanged(input, field, output, progress);
      done = { ...done, changed: { field, path: output } };
    }
    return done;
  } catch (error) {
    if (!(error instanceof CprctlError)) throw error;
    return { ...done, failure: error };
  }
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

/** @throws {InspectError} when there is none */
function found(
  sections: readonly InspectedSection[],
  text: string,
  how: typeof fieldsWith | typeof fieldsAt,
): readonly FoundField[] {
  const fields = sections.flatMap((section) => [...how(section, text)]);
  if (fields.length > 0) return fields;
  throw new InspectError(
    "no-field",
    how === fieldsAt
      ? `Cannot find a field "${text}"`
      : `Cannot find "${text}" in any field`,
    { remedy: "Inspect without --grep and --field: it shows all of them" },
  );
}

/**
 * The descriptions of the sections.
 *
 * @throws {InspectError} when the stream has none
 */
function described(
  { file, decoded: { vmdesc } }: StreamInspection,
  section: string | undefined,
): readonly DeviceDescription[] {
  if (vmdesc === undefined) {
    throw new InspectError(
      "undescribed",
      `Cannot describe "${file}": it has no vmdesc`,
    );
  }
  const { devices } = vmdesc.description;
  return section === undefined ? devices : selectSections(devices, section);
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
  if (flags.grep !== undefined) {
    return yield* renderFound(found(sections, flags.grep, fieldsWith), look);
  }
  if (flags.field !== undefined) {
    return yield* renderFound(found(sections, flags.field, fieldsAt), look);
  }
  if (flags.page !== undefined) {
    return yield* renderGuestPage(findPage(inspection, flags.page), look);
  }
  if (flags.desc) {
    return yield* renderDescription(described(inspection, flags.section));
  }
  if (flags.section === undefined) yield* renderSummary(inspection, look);
  yield* renderSections(sections, look);
}
