/** A file that a command writes besides what it is for. */

import type { CliProcess } from "../process.ts";
import { printable } from "../wording/printable.ts";
import { UnwrittenFileError } from "./replace.ts";

/**
 * Writes it. One that cannot be written is a warning on standard error: what it
 * would have told has happened.
 *
 * @throws what else `write` throws
 */
export async function writeOrWarn(
  process: CliProcess,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof UnwrittenFileError)) throw error;
    process.stderr.write(`warning: ${printable(error.message)}\n`);
  }
}
