/**
 * Running a program to ask it what it is.
 *
 * ```
 * we are not root            it is ours to run: as this user
 * the operator named it,     as root: no other user can have changed it, unless
 * and it is root's           it is told to load modules of the VM's choosing
 * anything else              in the VM's own confinement, or not at all
 * ```
 *
 * That a program is root's does not make it harmless to run: a VM's process may
 * execute any of them, and the words that ask a QEMU for its version mean other
 * things to others.
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
import type { Sandbox } from "../../standby/sandbox.ts";
import type { PreflightContext } from "../check.ts";

/** Where a QEMU looks for its modules first; the VM's user may have set it. */
const MODULE_DIR = "QEMU_MODULE_DIR";

/** Who chose a program, and where those run that the VM chose. */
export type Choice = Pick<PreflightContext, "sandbox" | "namedByOperator">;

/** How a program runs. */
export interface SafeWay {
  /** Where: what it says there may be another thing elsewhere. */
  readonly key: string;
  /**
   * Runs it to its end, or ends it.
   *
   * @throws {OsError} when it cannot be started
   * @throws {UpdateProblem} when it may not be run, for want of a sandbox
   */
  run(what: Omit<BriefRun, "start">): Promise<BriefEnd>;
}

/** What a program is to find in its environment to find the VM's modules. */
export function ownModules(
  sandbox: Sandbox | undefined,
): Readonly<Record<string, string>> {
  const folder = sandbox?.environment[MODULE_DIR];
  return folder === undefined ? {} : { [MODULE_DIR]: folder };
}

/** How a program runs that is to find these variables. */
export async function safeWay(
  program: string,
  variables: Readonly<Record<string, string>>,
  { sandbox, namedByOperator }: Choice,
): Promise<SafeWay> {
  if (Deno.uid() !== 0) return here(program, variables);
  const own = namedByOperator && variables[MODULE_DIR] === undefined
    ? await rootsOwnProgram(program)
    : undefined;
  if (own !== undefined) return here(own, variables);
  if (sandbox === undefined) return nowhere(namedByOperator);
  return {
    key: sandbox.key,
    run: (what) =>
      runBriefly(program, {
        ...what,
        variables,
        start: (it) => sandbox.start(it),
      }),
  };
}

function here(
  program: string,
  variables: Readonly<Record<string, string>>,
): SafeWay {
  return {
    key: "here",
    run: (what) => runBriefly(program, { ...what, variables }),
  };
}

function nowhere(namedByOperator: boolean): SafeWay {
  const [code, why] = namedByOperator
    ? ["not-roots", "another user than root can change it"]
    : ["vms-choice", "the VM chose it, and nothing runs in its confinement"];
  return {
    key: code,
    run: () => Promise.reject(new UpdateProblem(code, why)),
  };
}
