import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpCommandError, QmpTimeoutError } from "../../qmp/mod.ts";
import { CommandLine } from "../command/command_line.ts";
import { RefusedError } from "../error.ts";
import { ProcessFiles } from "../process/files.ts";
import type { Check } from "../preflight/check.ts";
import { ARGUMENT_CHECKS } from "./arguments/checks.ts";
import {
  type CheckContext,
  type Finding,
  type PreflightCheck,
  type PreflightContext,
  refuse,
  reported,
  skipped,
} from "./check.ts";
import { DRIFT_CHECKS } from "./drift/checks.ts";
import {
  Inventory,
  UnknownQueryError,
  UnlikelyAnswerError,
} from "./inventory.ts";
import { MIGRATION_CHECKS } from "./migration/checks.ts";
import { PROGRAM_CHECKS } from "./programs/checks.ts";

/** Every check, in the order in which people read them. */
const CHECKS: readonly PreflightCheck[] = [
  ...PROGRAM_CHECKS,
  ...MIGRATION_CHECKS,
  ...ARGUMENT_CHECKS,
  ...DRIFT_CHECKS,
];

const LOOK = "Look at the VM: its monitor does not answer as QEMU does";

/** Runs every check, also after one that refuses: all reasons count. */
export async function preflight(context: PreflightContext): Promise<Check[]> {
  const { client, command, facts } = context;
  const full: CheckContext = {
    ...context,
    inventory: new Inventory(client),
    files: new ProcessFiles(facts.pid),
    running: CommandLine.parse(facts.program, facts.argv),
    next: CommandLine.parse(facts.program, command.argv),
  };
  const checks: Check[] = [];
  for (const check of CHECKS) {
    checks.push(reported(check.id, await find(check, full)));
  }
  return checks;
}

/** What this QEMU does not tell, or we may not see, cannot be checked. */
async function find(
  check: PreflightCheck,
  context: CheckContext,
): Promise<Finding> {
  try {
    return await check.run(context);
  } catch (error) {
    if (
      error instanceof QmpCommandError || error instanceof UnknownQueryError ||
      error instanceof CmdlineError ||
      error instanceof Deno.errors.PermissionDenied
    ) {
      return skipped(`cannot be checked: ${error.message}`);
    }
    if (
      error instanceof QmpTimeoutError || error instanceof UnlikelyAnswerError
    ) return refuse(error.message, LOOK);
    throw error;
  }
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
    { remedy: first.remedy ?? undefined },
  );
}
