/**
 * Running a program that a VM may have chosen.
 *
 * ```
 * we are not root          it is ours to run: as this user
 * root's file and path     as root: no other user can have changed it
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
  const own = await rootsOwnProgram(program);
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
