/** Prints the results of a recovery. */

import { jsonText, printable } from "../../inert.ts";
import {
  type Recovery,
  RECOVERY_SCHEMA,
} from "../../update/recover/recovery.ts";
import type { RecoveryDocument } from "../schemas.ts";
import { exitCodeOf } from "../../update/error.ts";
import { sealedText } from "../../update/report/sealed.ts";
import type { CliProcess } from "../process.ts";

/** Prints the result of each VM, and sets the exit code. */
export function presentRecovery(
  process: CliProcess,
  json: boolean,
  recoveries: readonly Recovery[],
): void {
  // A message of QEMU may quote its command line.
  const sealed = recoveries.map((recovery) => ({
    ...recovery,
    message: sealedText(recovery.message),
  }));
  process.stdout.write(json ? asJson(sealed) : asText(sealed));
  process.exitCode = Math.max(0, ...recoveries.map(exitCode));
}

function exitCode({ outcome }: Recovery): number {
  return outcome === "recovered" ? 0 : exitCodeOf(outcome);
}

function asText(recoveries: readonly Recovery[]): string {
  if (recoveries.length === 0) return "No unfinished update was found\n";
  return recoveries.map(({ vm, outcome, message, remedy }) =>
    printable(`${outcome}: ${vm.name ?? `process ${vm.pid}`}: ${message}`) +
    "\n" + (remedy === undefined ? "" : `  ${printable(remedy)}\n`)
  ).join("");
}

function asJson(recoveries: readonly Recovery[]): string {
  const results = recoveries.map(({ vm, pid, code, remedy, ...recovery }) => ({
    name: vm.name ?? null,
    pid_before: vm.pid,
    pid_after: pid,
    outcome: recovery.outcome,
    code: code ?? null,
    message: recovery.message,
    remedy: remedy ?? null,
  }));
  const document: RecoveryDocument = { schema: RECOVERY_SCHEMA, results };
  return jsonText(document);
}
