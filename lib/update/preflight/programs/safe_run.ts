/**
 * Running a program that a VM may have chosen.
 *
 * ```
 * we are not root          it is ours to run: as this user
 * root's file and path     as root: no other user can have changed it, unless
 *                          it is told to load modules of the VM's choosing
 * anything else            in the VM's own confinement, or not at all
 * ```
 *
 * @module
 */

import {
  type BriefEnd,
  type BriefRun,
  runBriefly,
} from "../../../brief_run.ts";
import { UpdateProblem } from "../../error.ts";
import { rootsOwnProgram } from "../../process/roots_own.ts";
import type { Cell } from "../../world/cell.ts";

/** Where a QEMU looks for its modules first; the VM's user may have set it. */
const MODULE_DIR = "QEMU_MODULE_DIR";

/** What a program is to find in its environment to find the VM's modules. */
export function ownModules(
  cell: Cell | undefined,
): Readonly<Record<string, string>> {
  const folder = cell?.environment[MODULE_DIR];
  return folder === undefined ? {} : { [MODULE_DIR]: folder };
}

/**
 * Runs a program to its end, or ends it.
 *
 * @throws {OsError} when it cannot be started
 * @throws {UpdateProblem} when it may not be run, for want of a cell
 */
export async function runSafely(
  program: string,
  run: Omit<BriefRun, "start">,
  cell: Cell | undefined,
): Promise<BriefEnd> {
  if (Deno.uid() !== 0) return await runBriefly(program, run);
  const own = run.variables?.[MODULE_DIR] === undefined
    ? await rootsOwnProgram(program)
    : undefined;
  if (own !== undefined) return await runBriefly(own, run);
  if (cell === undefined) {
    throw new UpdateProblem(
      "not-roots",
      "another user than root can change it",
    );
  }
  return await runBriefly(program, {
    ...run,
    start: (what) => cell.start(what),
  });
}
