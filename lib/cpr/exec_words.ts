/** The command line of `cprctl exec`, and its help. @module */

import { UsageError } from "../errors.ts";

/** Text of `cprctl exec --help`. */
export const EXEC_HELP = `\
Check the hand-over of a cpr-exec, then execute the new program.

Usage: cprctl exec [--log FILE] -- COMMAND [ARGUMENT]...

For use in cpr-exec-command. Finds the CPR state that the old program left, and
checks that each descriptor in it is open, survives the exec, and can be what
its name says. Writes one line about it and executes COMMAND. If the new program
could not survive what was found, the wrapper ends with a message instead;
anything merely unusual is mentioned in the line.

  --log FILE      append the line to FILE (default: standard error)
  -h, --help      print this help and exit

Example:
  (qemu) migrate_set_parameter mode cpr-exec
  (qemu) migrate_set_parameter cpr-exec-command cprctl exec -- \\
      /usr/bin/qemu-system-x86_64 ... -incoming file:/run/vm.state
  (qemu) migrate -d file:/run/vm.state

Exit status: that of COMMAND; 2 for wrong usage; 5 when the hand-over is
broken: the VM's memory is lost unless another process holds it.
`;

/** The parsed command line. */
export interface ExecRequest {
  /** The file to append the line to; default: standard error. */
  readonly log: string | undefined;
  /** At least one word. */
  readonly command: readonly string[];
}

/**
 * Parses the words after `exec`.
 *
 * @returns undefined if help is requested
 * @throws {UsageError}
 */
export function parseExecWords(
  words: readonly string[],
): ExecRequest | undefined {
  if (words[0] === "--help" || words[0] === "-h") return undefined;
  const dashes = words.indexOf("--");
  const options = dashes < 0 ? words : words.slice(0, dashes);
  const command = dashes < 0 ? [] : words.slice(dashes + 1);
  const [option, log, ...rest] = options;
  if (option !== undefined && (option !== "--log" || log === undefined)) {
    throw usage(`Cannot use "${option}" here`);
  }
  if (rest.length > 0) throw usage(`Cannot use "${rest[0]}" here`);
  if (command.length === 0) throw usage("No command given");
  return { log, command };
}

function usage(message: string): UsageError {
  return new UsageError(message, {
    remedy: "Write it as: cprctl exec [--log FILE] -- COMMAND [ARGUMENT]...",
  });
}
