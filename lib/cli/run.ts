/** Runs a command line. */

import { CprctlError } from "../errors.ts";
import type { CliContext } from "./command.ts";
import { runWords } from "./stricli.ts";
import { errorText } from "./wording/errors.ts";

/** The output could not be written. */
class OutputError extends CprctlError {
  override readonly name = "OutputError";

  constructor({ message }: Error) {
    // Remove the runtime's error number.
    const reason = message.replace(/ \(os error \d+\)$/, "");
    super("output", `Cannot write to standard output: ${reason}`, {
      remedy:
        "Free some space or write elsewhere; the command itself has finished",
    });
  }
}

/**
 * Runs the command of a command line.
 *
 * @returns the exit code; every error has been printed
 */
export async function run(
  words: readonly string[],
  context: CliContext,
): Promise<number> {
  const { process } = context;
  const code = await runWords(words, context);
  const { failure } = process.stdout;
  if (failure === undefined) return code;
  const error = new OutputError(failure);
  process.stderr.write(`${errorText(error, process.debug)}\n`);
  return code === 0 ? error.exitCode : code;
}
