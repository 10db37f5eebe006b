/**
 * `cprctl exec`: stands between the old program and the new one in a
 * cpr-exec-command, and looks at the hand-over before it goes on.
 *
 * This runs while the guest is stopped and the old program is gone: every
 * import costs the guest time, and an error here costs it its life. It checks
 * only what would end the new program as well.
 *
 * @module
 */

import { execvp } from "../../ffi/exec.ts";
import { duplicate, Fd } from "../../ffi/fd.ts";
import {
  O_APPEND,
  O_CREAT,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { CprctlError, UsageError } from "../errors.ts";
import { CPR_EXEC_STATE, handedOver, readCprState } from "./handover.ts";

import { CprError } from "./error.ts";
import { checkSurvivors, type Survivors } from "./survivors.ts";

/** Text of `cprctl exec --help`. */
export const EXEC_HELP = `\
Check the hand-over of a cpr-exec, then execute the new program.

Usage: cprctl exec [--log FILE] -- COMMAND [ARGUMENT]...

For use in cpr-exec-command. It finds the CPR state that the old program left,
checks that every descriptor in it is open, is what it is said to be and
survives the exec, writes one line about it, and executes COMMAND.

  --log FILE      append the line to FILE (default: standard error)
  -h, --help      print this and exit

Example:
  (qemu) migrate_set_parameter mode cpr-exec
  (qemu) migrate_set_parameter cpr-exec-command cprctl exec -- \\
      /usr/bin/qemu-system-x86_64 ... -incoming file:/run/vm.state
  (qemu) migrate -d file:/run/vm.state

Exit status: that of COMMAND; 2 for wrong usage; 5 when the hand-over is
broken: the VM's memory is lost unless another process holds it.
`;

interface Request {
  readonly log: string | undefined;
  readonly command: readonly string[];
}

/** The hand-over is broken, and with the old program gone so is the VM. */
const NEEDS_PERSON = 5;

/** Runs the wrapper; returns an exit code only if it did not execute. */
export function runExec(args: readonly string[]): number {
  if (args[0] === "--help" || args[0] === "-h") {
    write(1, EXEC_HELP);
    return 0;
  }
  let request: Request | undefined;
  try {
    request = parse(args);
    const line = describe(handover(), request.command);
    log(request.log, line);
    execvp(request.command);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof CprctlError ? error.remedy : undefined;
    const line = `cprctl exec: pid ${Deno.pid}: ${message}` +
      (remedy === undefined ? "" : `\n${remedy}`);
    write(2, `${line}\n`);
    return error instanceof UsageError ? error.exitCode : NEEDS_PERSON;
  }
}

function parse(args: readonly string[]): Request {
  const dashes = args.indexOf("--");
  const options = dashes < 0 ? args : args.slice(0, dashes);
  const command = dashes < 0 ? [] : args.slice(dashes + 1);
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

function handover(): Survivors {
  const number = handedOver(Deno.env);
  if (number === undefined) {
    throw new CprError(
      "cpr-no-state",
      `There is no CPR state: ${CPR_EXEC_STATE} is not set`,
      { remedy: "Use this command in cpr-exec-command only" },
    );
  }
  // The new program adopts the descriptor itself; the position is not moved.
  using memfd = Fd.open(`/proc/self/fd/${number}`, O_RDONLY);
  return checkSurvivors(readCprState(memfd));
}

const MEBIBYTE = 1024 * 1024;

function describe(survivors: Survivors, command: readonly string[]): string {
  const { descriptors, blocks, bytes } = survivors;
  return `cprctl exec: pid ${Deno.pid}: ${descriptors} descriptors survive, ` +
    `${blocks} of them RAM of ${(bytes / MEBIBYTE).toFixed(1)} MiB: ` +
    `executing "${command[0]}"`;
}

/** A log that cannot be written must not cost a VM its life. */
function log(path: string | undefined, line: string): void {
  if (path === undefined) return write(2, `${line}\n`);
  try {
    const flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW;
    using file = Fd.open(path, flags, 0o600);
    file.writeAll(new TextEncoder().encode(`${line}\n`));
  } catch (error) {
    write(2, `${line}\n`);
    write(
      2,
      `cprctl exec: ${error instanceof Error ? error.message : error}\n`,
    );
  }
}

function write(descriptor: 1 | 2, text: string): void {
  using out = duplicate(descriptor);
  try {
    out.writeAll(new TextEncoder().encode(text));
  } catch {
    // Nobody listens on it any more, and the guest waits.
  }
}
