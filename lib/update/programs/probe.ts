/**
 * Asks a program what it is, by running it with options that only print, and
 * what device state it knows, by its -dump-vmstate.
 *
 * It may be any program: its environment is empty, its time and its output are
 * limited, and it runs where `safe_run.ts` allows.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { type BriefEnd, runBriefly } from "../../brief_run.ts";
import { messageOf } from "../../errors.ts";
import {
  type Choice,
  fileKey,
  isSameForUs,
  moduleVariables,
  type SafeWay,
  safeWay,
  type Variables,
} from "./safe_run.ts";
import type { Dump } from "../../inspect/compat/dump.ts";
import { dumpOf } from "../../inspect/compat/dump_program.ts";
import { RunDirectory } from "../run/directory.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import type { Facts } from "../vm/facts.ts";

/** The list of devices takes some 50 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/** A program did not print what it was asked for. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

/** Where a program runs. */
export interface ProbeOptions extends Choice {
  /** In its otherwise empty environment. */
  readonly variables?: Variables;
}

const answers = new Map<string, Promise<string>>();

/**
 * What a program prints; asked once as long as the file is the same.
 *
 * @throws {ProbeError} when it cannot be run, fails, or does not end
 */
export async function printedBy(
  binary: string,
  args: readonly string[],
  options: ProbeOptions,
): Promise<string> {
  const file = await fileKey(binary);
  const { variables = {} } = options;
  const way = await safeWay(binary, variables, options);
  const key = JSON.stringify([binary, file, way.key, variables, args]);
  return await answers.getOrInsertComputed(
    key,
    () => probe(`"${binary} ${args.join(" ")}"`, args, way),
  );
}

async function probe(
  what: string,
  args: readonly string[],
  way: SafeWay,
): Promise<string> {
  let end: BriefEnd;
  try {
    const output = "stdout";
    end = await way.run({ args, output, maximum: MAX_OUTPUT });
  } catch (error) {
    const reason = error instanceof OsError
      ? error.description
      : messageOf(error);
    throw new ProbeError(`Cannot run ${what}: ${reason}`, { cause: error });
  }
  if (end.failure !== undefined) throw new ProbeError(`${what} ${end.failure}`);
  return end.text;
}

const dumps = new Map<string, Promise<Dump>>();
/** Of running programs that have been replaced on disk. */
const replacedDumps = new WeakMap<Sandbox, Promise<Dump>>();

/**
 * A program's dump; made once as long as the file is the same.
 *
 * @throws {InspectError} when the program makes none
 */
export async function programDump(
  program: string,
  { machine }: Pick<Facts, "machine">,
  choice: Choice,
): Promise<Dump> {
  const file = await fileKey(program);
  const variables = moduleVariables(choice.sandbox);
  const way = await safeWay(program, variables, choice);
  const key = JSON.stringify([file, way.key, variables, machine]);
  const run: typeof runBriefly = (_program, what) => way.run(what);
  return await dumps.getOrInsertComputed(
    key,
    () => dumpOf(program, { machine, run }),
  );
}

/**
 * The same of the program that the VM runs on.
 *
 * @throws {InspectError} when the program makes none
 */
export async function runningDump(
  facts: Facts,
  sandbox: Sandbox | undefined,
): Promise<Dump> {
  const { path, replaced } = facts.executable;
  const isThere = !replaced && await isSameForUs(path, facts.executable);
  if (Deno.uid() === 0 && sandbox !== undefined) {
    // The VM's user cannot reach a file that has no path.
    if (!isThere || sandbox.lacksModules) {
      return await replacedDumps.getOrInsertComputed(
        sandbox,
        () => dumpInSandbox(facts, sandbox),
      );
    }
  }
  const program = isThere ? path : `/proc/${facts.pid}/exe`;
  return await programDump(program, facts, { sandbox, namedByOperator: false });
}

/** From the running file and the modules that it loaded, as in a rollback. */
async function dumpInSandbox(facts: Facts, sandbox: Sandbox): Promise<Dump> {
  await using directory = await RunDirectory.create(facts);
  const moduleFolder = directory.path;
  return await dumpOf(facts.executable.path, {
    machine: facts.machine,
    run: (program, what) =>
      runBriefly(program, {
        ...what,
        start: (start) => sandbox.start({ ...start, moduleFolder }),
      }),
  });
}
