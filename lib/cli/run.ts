/**
 * From the words of the command line to the exit code.
 *
 * The command library's own codes are negative; they all say that the words
 * were wrong or that something broke before a command ran.
 *
 * @module
 */

import { ExitCode, run as runApplication } from "@stricli/core";
import { CprctlError } from "../errors.ts";
import { application } from "./application.ts";
import type { CliContext } from "./context.ts";
import { errorText } from "./wording/errors.ts";

const USAGE_ERROR = 2;
const INTERNAL_ERROR = 1;

/** What a command has to say did not get to its reader. */
class OutputError extends CprctlError {
  override readonly name = "OutputError";

  constructor({ message }: Error) {
    // The runtime adds the error's number.
    const reason = message.replace(/ \(os error \d+\)$/, "");
    super("output", `Cannot write to standard output: ${reason}`, {
      remedy: "What was to be done is done: ask anew where it can be written",
    });
  }
}

/**
 * Runs the command that the words name.
 *
 * @returns the exit code; every error has been printed
 */
export async function run(
  words: readonly string[],
  context: CliContext,
): Promise<number> {
  const { process } = context;
  await runApplication(application(process.debug), words, context);
  const code = process.exitCode ?? INTERNAL_ERROR;
  const { failure } = process.stdout;
  if (failure !== undefined) {
    const error = new OutputError(failure);
    process.stderr.write(`${errorText(error, process.debug)}\n`);
    if (code === 0) return INTERNAL_ERROR;
  }
  if (code >= 0) return code;
  return code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument
    ? USAGE_ERROR
    : INTERNAL_ERROR;
}
