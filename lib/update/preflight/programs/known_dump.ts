import { runBriefly } from "../../../brief_run.ts";
import { type Dump, dumpOf } from "../../../inspect/compat/mod.ts";
import type { CheckContext } from "../check.ts";
import { RunDirectory } from "../../run/directory.ts";
import type { Facts } from "../../vm/facts.ts";
import type { Sandbox } from "../../standby/sandbox.ts";
import { isSameForUs } from "./new_program.ts";
import { type Choice, ownModules, safeWay } from "./safe_run.ts";

const dumps = new Map<string, Promise<Dump>>();

/**
 * A program's dump; made once as long as the file is the same.
 *
 * @throws {InspectError} when it makes none
 */
export async function knownDump(
  program: string,
  { machine }: Pick<Facts, "machine">,
  choice: Choice,
): Promise<Dump> {
  const { dev, ino, mtime, size } = await Deno.stat(program);
  const variables = ownModules(choice.sandbox);
  const way = await safeWay(program, variables, choice);
  const file = [dev, ino, mtime, size];
  const key = JSON.stringify([file, way.key, variables, machine]);
  const known = dumps.get(key);
  if (known !== undefined) return await known;
  const dump = dumpOf(program, {
    machine,
    run: (_program, what) => way.run(what),
  });
  dumps.set(key, dump);
  return await dump;
}

/**
 * The same of the program that the VM runs on.
 *
 * @throws {InspectError} when it makes none
 */
export async function runningDump(context: CheckContext): Promise<Dump> {
  const { facts, sandbox } = context;
  const { path, replaced } = facts.executable;
  const isThere = !replaced && await isSameForUs(path, facts.executable);
  if (Deno.uid() === 0 && sandbox !== undefined) {
    // The way to a file that is gone is not open to the VM's user.
    if (!isThere || sandbox.lacksModules) {
      return await upgradedDump(context, sandbox);
    }
  }
  const program = isThere ? path : `/proc/${facts.pid}/exe`;
  return await knownDump(program, facts, { sandbox, namedByOperator: false });
}

const upgraded = new WeakMap<CheckContext, Promise<Dump>>();

/** Of the file that runs, and the modules that it loaded, as in a rollback. */
async function upgradedDump(
  context: CheckContext,
  sandbox: Sandbox,
): Promise<Dump> {
  const known = upgraded.get(context);
  if (known !== undefined) return await known;
  const dump = dumpInSandbox(context, sandbox);
  upgraded.set(context, dump);
  return await dump;
}

async function dumpInSandbox(
  { facts }: CheckContext,
  sandbox: Sandbox,
): Promise<Dump> {
  await using directory = await RunDirectory.create(facts);
  const { path: moduleFolder } = directory;
  const own = { runningProgram: true, moduleFolder };
  return await dumpOf(facts.executable.path, {
    machine: facts.machine,
    run: (program, run) =>
      runBriefly(program, {
        ...run,
        start: (what) => sandbox.start({ ...what, ...own }),
      }),
  });
}
