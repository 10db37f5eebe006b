/** What device state a program knows, by its -dump-vmstate. @module */

import { runBriefly } from "../../brief_run.ts";
import { type Dump, dumpOf } from "../../inspect/compat/mod.ts";
import { RunDirectory } from "../run/directory.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import type { Facts } from "../vm/facts.ts";
import {
  type Choice,
  fileKey,
  isSameForUs,
  moduleVariables,
  safeWay,
} from "./safe_run.ts";

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
  const running = { runningProgram: true, moduleFolder: directory.path };
  return await dumpOf(facts.executable.path, {
    machine: facts.machine,
    run: (program, what) =>
      runBriefly(program, {
        ...what,
        start: (start) => sandbox.start({ ...start, ...running }),
      }),
  });
}
