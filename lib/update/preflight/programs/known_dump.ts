import { type Dump, dumpOf } from "../../../inspect/compat/mod.ts";
import type { CheckContext } from "../check.ts";
import { isSameForUs } from "./new_program.ts";
import { ownModules, runSafely } from "./safe_run.ts";

/**
 * A path to the program that the VM runs on; the way to a file that may be gone
 * is not open to every user.
 */
export async function runningProgram({ facts }: CheckContext): Promise<string> {
  const { path, replaced } = facts.executable;
  return !replaced && await isSameForUs(path, facts.executable)
    ? path
    : `/proc/${facts.pid}/exe`;
}

const dumps = new Map<string, Promise<Dump>>();

/**
 * A program's dump; made once as long as the file is the same.
 *
 * @throws {InspectError} when it makes none
 */
export async function knownDump(
  program: string,
  { facts: { machine }, cell }: CheckContext,
): Promise<Dump> {
  const { dev, ino, mtime, size } = await Deno.stat(program);
  const variables = ownModules(cell);
  const file = [dev, ino, mtime, size];
  const key = JSON.stringify([file, cell?.key, variables, machine]);
  const known = dumps.get(key);
  if (known !== undefined) return await known;
  const dump = dumpOf(program, {
    machine,
    run: (program, run) => runSafely(program, { ...run, variables }, cell),
  });
  dumps.set(key, dump);
  return await dump;
}
