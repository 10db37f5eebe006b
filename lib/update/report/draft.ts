/** A report while it is being filled in. */

import { codeOf, CprctlError, messageOf, remedyOf } from "../../errors.ts";
import { QmpCommandError } from "../../qmp/mod.ts";
import { ShutDownError, UpdateError } from "../error.ts";
import { type Report, REPORT_SCHEMA, type ReportError } from "./report.ts";
import { programOf, vmOf, type VmRecord } from "../vm/facts.ts";

/** A report with writable fields. */
export type Draft = { -readonly [K in keyof Report]: Report[K] };

/** The report of an untouched VM. */
export function draftOf(vm: VmRecord): Draft {
  return {
    ...blankReport(),
    vm: vmOf(vm),
    pid_before: vm.pid,
    pid_after: vm.pid,
    from: programOf(vm.program, vm.version, vm.executable.path),
  };
}

/** The fields that do not depend on the VM. */
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

/** Adds the error and its outcome. */
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
