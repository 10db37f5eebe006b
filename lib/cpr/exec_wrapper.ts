/**
 * `cprctl exec`: runs between the old and the new program in a
 * cpr-exec-command, and checks the hand-over before it executes the new one.
 *
 * ```
 * CPR state ─▶ every descriptor ─▶ one line ─▶ execvp
 *     │ none, torn    │ closed, not memory
 *     └───────────────┴─▶ exit 5
 * ```
 *
 * This runs while the guest is stopped and the old program is gone. Imports add
 * to the guest's downtime, and an error here loses the VM. Therefore it fails
 * only if any new program is certain to fail; anything else is a warning in the
 * line. Its output neither blocks nor throws: a VM must not be lost to a log
 * that cannot be written.
 *
 * @module
 */

import { CprctlError, messageOf, UsageError } from "../errors.ts";
import { execvp } from "../../ffi/exec.ts";
import { duplicate, Fd } from "../../ffi/fd.ts";
import { CprError } from "./error.ts";
import { handedOver, readForeignCprState } from "./handover.ts";
import { CPR_EXEC_STATE } from "./state.ts";
import { lookAtSurvivors, type Survivors } from "./survivors.ts";
import {
  O_APPEND,
  O_CREAT,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";

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
  if (option !== undefined && option !== "--log") {
    throw usage(`Unexpected argument "${option}"`);
  }
  if (option !== undefined && log === undefined) {
    throw usage("Missing value for option --log");
  }
  if (rest.length > 0) throw usage(`Unexpected argument "${rest[0]}"`);
  if (command.length === 0) throw usage("No command given");
  return { log, command };
}

function usage(message: string): UsageError {
  return new UsageError(message, {
    remedy: "Write cprctl exec [--log FILE] -- COMMAND [ARGUMENT]...",
  });
}

/** The hand-over is broken: the VM is lost, as the old program is gone. */
const NEEDS_PERSON = 5;

const MEBIBYTE = 1024 * 1024;
/** How many doubts the line names. */
const MAXIMUM_DOUBTS = 8;

/** Runs the wrapper; returns an exit code only if it executed nothing. */
export function runExec(words: readonly string[]): number {
  let request: ExecRequest | undefined;
  try {
    request = parseExecWords(words);
  } catch (error) {
    return refuse(error);
  }
  if (request === undefined) {
    console.log(EXEC_HELP.trimEnd());
    return 0;
  }
  const { log, command } = request;
  try {
    writeLine(
      `cprctl exec: pid ${Deno.pid}: ${handOver(command)}: ` +
        `executing ${JSON.stringify(command[0])}`,
      log,
    );
    return execvp(command);
  } catch (error) {
    refuse(error);
    return NEEDS_PERSON;
  }
}

/** Prints why nothing is executed; returns the error's exit code. */
function refuse(error: unknown): number {
  complain(`cprctl exec: pid ${Deno.pid}: error: ${messageOf(error)}`);
  if (!(error instanceof CprctlError)) return 1;
  if (error.remedy !== undefined) complain(`  try: ${error.remedy}`);
  return error.exitCode;
}

/**
 * Describes the hand-over.
 *
 * @throws {CprError | StreamError} when it is broken
 */
function handOver(command: readonly string[]): string {
  try {
    return describeSurvivors(survivors(command));
  } catch (error) {
    if (error instanceof CprctlError) throw error;
    // A failed check does not mean that the hand-over is broken.
    return `the hand-over cannot be checked: ${error}`;
  }
}

function survivors(command: readonly string[]): Survivors {
  const number = handedOver(Deno.env);
  if (number === undefined) {
    throw new CprError(
      "cpr-no-state",
      `There is no CPR state: ${CPR_EXEC_STATE} is not set`,
      { remedy: "Use this command in cpr-exec-command only" },
    );
  }
  // The new program needs the descriptor itself, so a duplicate is read.
  using memfd = duplicate(number);
  return lookAtSurvivors(readForeignCprState(memfd), command);
}

function describeSurvivors(
  { descriptors, blocks, bytes, doubts }: Survivors,
): string {
  const counts = `${descriptors} descriptors survive, ${blocks} of them RAM ` +
    `of ${(bytes / MEBIBYTE).toFixed(1)} MiB`;
  if (doubts.length === 0) return counts;
  const named = doubts.slice(0, MAXIMUM_DOUBTS);
  const more = doubts.length - named.length;
  if (more > 0) named.push(`and ${more} more`);
  return `${counts} (warning: ${named.join("; ")})`;
}

const LOG_FLAGS = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
  O_NOCTTY;
const STANDARD_ERROR = 2;

/**
 * Appends a line to a file; writes it to standard error if that fails.
 *
 * @param path the file; default: standard error
 */
export function writeLine(line: string, path?: string): void {
  if (path === undefined) return complain(line);
  try {
    using log = NonblockingWriter.adopt(Fd.open(path, LOG_FLAGS, 0o600));
    const bytes = new TextEncoder().encode(`${line}\n`);
    if (log.write(bytes) === bytes.length) return;
    complain(line);
  } catch (error) {
    complain(line);
    complain(`cprctl exec: ${messageOf(error)}`);
  }
}

/** Writes a line to standard error, as much as it takes without blocking. */
export function complain(line: string): void {
  try {
    using out = NonblockingWriter.over(STANDARD_ERROR);
    out.write(new TextEncoder().encode(`${line}\n`));
  } catch {
    // Standard error is closed, and the guest is stopped.
  }
}
