/** What `inspect` does beside showing a state. */

import { CprctlError } from "../../errors.ts";
import { extractRam } from "../../inspect/extract_ram.ts";
import type { Input } from "../../inspect/input.ts";
import type { InspectedSection, Inspection } from "../../inspect/inspection.ts";
import type { WorkDone } from "../../inspect/json.ts";
import { changeOfField, writeChanged } from "../../inspect/set_field.ts";
import { verify } from "../../inspect/verify.ts";
import type { CliProcess } from "../process.ts";
import type { ProgressLine } from "../terminal/progress_line.ts";
import { renderWorkDone } from "../terminal/work_done.ts";
import type { InspectFlags } from "./inspect_flags.ts";

/** The additional actions, as far as possible. */
export function work(
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

/** Prints what was done. */
export function printWorkDone(
  process: CliProcess,
  file: string,
  done: WorkDone,
): void {
  process.stdout.write(renderWorkDone(file, done, process.look));
}
