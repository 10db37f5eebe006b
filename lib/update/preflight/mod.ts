/** Looks for what would lose or refuse a VM, before anything is touched. @module */

import { RefusedError } from "../error.ts";
import type { Check } from "../report.ts";
import { newBinary } from "./binary.ts";
import { blockers, cprExec } from "./blockers.ts";
import {
  type PreflightCheck,
  type PreflightContext,
  reported,
} from "./check.ts";
import { runState } from "./run_state.ts";

export type { PreflightContext } from "./check.ts";

/** Every check, in the order in which people read them. */
const CHECKS: readonly PreflightCheck[] = [
  newBinary,
  cprExec,
  runState,
  blockers,
];

/** Runs every check, also after one that refuses: all reasons count. */
export async function preflight(context: PreflightContext): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { id, run } of CHECKS) {
    checks.push(reported(id, await run(context)));
  }
  return checks;
}

/**
 * Ends an update that a check refuses.
 *
 * @throws {RefusedError} naming every reason
 */
export function requireNoRefusal(checks: readonly Check[]): void {
  const refusals = checks.filter(({ verdict }) => verdict === "refuse");
  const [first] = refusals;
  if (first === undefined) return;
  throw new RefusedError(
    first.id,
    refusals.map(({ detail }) => detail).join("; "),
    first.remedy === null ? {} : { remedy: first.remedy },
  );
}
