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
 * line.
 *
 * @module
 */

import { execvp } from "../../ffi/exec.ts";
import { duplicate } from "../../ffi/fd.ts";
import { CprctlError, messageOf } from "../errors.ts";
import { CprError } from "./error.ts";
import { complain, writeLine } from "./exec_line.ts";
import { EXEC_HELP, type ExecRequest, parseExecWords } from "./exec_words.ts";
import { CPR_EXEC_STATE, handedOver, readForeignCprState } from "./handover.ts";
import { lookAtSurvivors, type Survivors } from "./survivors.ts";

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
  complain(`cprctl exec: pid ${Deno.pid}: ${messageOf(error)}`);
  if (!(error instanceof CprctlError)) return 1;
  if (error.remedy !== undefined) complain(error.remedy);
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
