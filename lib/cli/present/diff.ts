/** Compares two state files and prints the difference. */

import { codeOf, CprctlError, remedyOf } from "../../errors.ts";
import {
  diff,
  type DiffChoice,
  type Difference,
  isSame,
} from "../../inspect/diff.ts";
import { writeDiffJson } from "../../inspect/diff_json.ts";
import { isIncomparable } from "../../inspect/diff_ram.ts";
import { inspect } from "../../inspect/inspection.ts";
import { openInput } from "../../inspect/open_input.ts";
import { PAGE_ROWS } from "../options/shared.ts";
import type { CliProcess } from "../process.ts";
import { renderDiff } from "../terminal/diff.ts";
import { writeLimited } from "../terminal/limited.ts";
import { ProgressLine } from "../terminal/progress_line.ts";

/** The options of `cprctl diff`. */
export interface DiffFlags extends DiffChoice {
  readonly json: boolean;
  readonly limit: number | undefined;
  readonly report: string | undefined;
}

/** Exit code 2, as for diff(1), since 1 means a difference. */
class DiffTrouble extends CprctlError {
  override readonly name: string = "DiffTrouble";
  override readonly exitCode: number = 2;

  constructor(cause: Error) {
    super(codeOf(cause), cause.message, { remedy: remedyOf(cause), cause });
  }
}

/** The exit codes for a difference, and for a failed comparison. */
const [DIFFERENT, INCOMPARABLE] = [1, 2];

/**
 * Prints the difference of two files.
 *
 * @throws {DiffTrouble} when they cannot be compared
 */
export async function presentDiff(
  process: CliProcess,
  options: DiffFlags,
  old: string,
  now: string,
): Promise<void> {
  if (options.report !== undefined) {
    const { refuseInput } = await import("../files/state_page.ts");
    refuseInput(options.report, [old, now]);
  }
  using stack = new DisposableStack();
  let difference: Difference;
  const { limit, report } = options;
  try {
    difference = await compared(process, stack, options, old, now);
    if (report !== undefined) {
      const { writeDiffPage } = await import("../files/state_page.ts");
      const page = { difference, old, new: now, limit: limit ?? PAGE_ROWS };
      await writeDiffPage(report, page);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new DiffTrouble(error);
  }
  const write = (text: string) => process.stdout.write(text);
  if (options.json) writeDiffJson(difference, { old, new: now }, write);
  else {
    const texts = renderDiff(difference, process.look);
    writeLimited(texts, limit, write);
  }
  if (difference.ram.some(isIncomparable)) process.exitCode = INCOMPARABLE;
  else if (!isSame(difference)) process.exitCode = DIFFERENT;
}

async function compared(
  process: CliProcess,
  stack: DisposableStack,
  choice: DiffChoice,
  old: string,
  now: string,
): Promise<Difference> {
  const look = async (file: string) => {
    const input = stack.use(await openInput(file));
    using line = new ProgressLine(process, input.bytes.length);
    return inspect(input, (offset) => line.show(offset));
  };
  return diff(await look(old), await look(now), choice);
}
