/** Compares two state files and prints the difference. */

import { codeOf, CprctlError, remedyOf } from "../../errors.ts";
import {
  diff,
  type DiffChoice,
  type Difference,
  inspect,
  isIncomparable,
  isSame,
  openInput,
  writeDiffJson,
} from "../../inspect/mod.ts";
import type { CliProcess } from "../process.ts";
import { renderDiff } from "../terminal/diff.ts";
import { ProgressLine } from "../terminal/progress_line.ts";

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
  options: DiffChoice & { readonly json: boolean },
  old: string,
  now: string,
): Promise<void> {
  using stack = new DisposableStack();
  let difference: Difference;
  try {
    difference = await compared(process, stack, options, old, now);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new DiffTrouble(error);
  }
  const write = (text: string) => process.stdout.write(text);
  if (options.json) writeDiffJson(difference, { old, new: now }, write);
  else for (const text of renderDiff(difference, process.look)) write(text);
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
