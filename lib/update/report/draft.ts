/** A report while it comes about. */

import { codeOf, CprctlError, messageOf, remedyOf } from "../../errors.ts";
import { QmpCommandError } from "../../qmp/mod.ts";
import { ShutDownError, UpdateError } from "../error.ts";
import { type Report, REPORT_SCHEMA, type ReportError } from "./report.ts";
import { programOf, vmOf, type VmRecord } from "../vm/facts.ts";

/** A report whose fields are filled in as they become known. */
export type Draft = { -readonly [K in keyof Report]: Report[K] };

/** The report of a VM that nothing was done to yet. */
export function draftOf(vm: VmRecord): Draft {
  return {
    ...blankReport(),
    vm: vmOf(vm),
    pid_before: vm.pid,
    pid_after: vm.pid,
    from: programOf(vm.program, vm.version, vm.executable.path),
  };
}

/** What no report is without, and nothing known. */
export function blankReport() {
  return {
    schema: REPORT_SCHEMA,
    outcome: "needs-person",
    changed: false,
    mode: "cpr-exec",
    to: null,
    downtime_ms: null,
    downtime_start_ms: null,
    downtime_predicted_ms: null,
    phases: [],
    checks: [],
    command_changes: [],
    ram: null,
    rehearsal: null,
    warnings: [],
    error: null,
  } as const satisfies Partial<Report>;
}

/** Adds how it ended; the error knows what became of the VM. */
export function addFailure(report: Draft, error: unknown): void {
  if (error instanceof UpdateError) report.outcome = error.outcome;
  if (error instanceof ShutDownError) report.warnings.push(error.message);
  else report.error = describe(error);
  if (report.outcome === "needs-person" || report.outcome === "shut-down") {
    report.pid_after = null;
  }
}

function describe(error: unknown): ReportError {
  const cause = error instanceof CprctlError ? error.cause : undefined;
  return {
    code: codeOf(error),
    message: messageOf(error),
    remedy: remedyOf(error) ?? null,
    qemu: cause instanceof QmpCommandError ? cause.description : null,
  };
}
