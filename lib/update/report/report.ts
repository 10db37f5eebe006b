/**
 * The report of an update, as printed by `--json` and drawn as a timeline, with
 * its schema. Names are snake_case, as usual in JSON.
 *
 * ```
 * outcome        exit code   the VM
 * updated        0           is on the new program, running or paused as before
 * up-to-date     0           was not touched: it executes that program already
 * would-update   0           was not touched: this was only a check
 * shut-down      0           powered off, or was shut down, during the update
 * refused        3           was not touched
 * rolled-back    4           is on the old program, its RAM unchanged
 * needs-person   5           may not run: the error says why, and what to do
 * ```
 *
 * @module
 */

import * as v from "valibot";
import type { CommandChange } from "../command/draft.ts";
import {
  type Outcome,
  OUTCOMES,
  ShutDownError,
  UpdateError,
} from "../error.ts";
import { MODES, type Phase, PHASES } from "../phase.ts";
import type { Check } from "../preflight/check.ts";
import type { PreservedRam } from "../transaction/hold.ts";
import { type Finding, type Verdict, VERDICTS } from "../verify/verdict.ts";
import {
  type Program,
  programOf,
  type VmNames,
  vmOf,
  type VmRecord,
} from "../vm/facts.ts";
import { codeOf, CprctlError, messageOf, remedyOf } from "../../errors.ts";
import { QmpCommandError } from "../../qmp/mod.ts";

/** Raised when a field changes its meaning or goes away. */
export const REPORT_SCHEMA = 1;

const outcomeNames = Object.keys(OUTCOMES) as Outcome[];
const verdictNames = Object.keys(VERDICTS) as Verdict[];

const milliseconds = v.pipe(v.number(), v.minValue(0));
const count = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
const pid = v.pipe(v.number(), v.integer(), v.minValue(1));
const text = v.nullable(v.string());
/** A nullable text with a description. */
const described = (words: string) => v.pipe(text, v.description(words));

/** Checks a schema against the type that the domain declares. */
type Describes<T> = v.GenericSchema<T, T>;

const vmSchema = v.strictObject({
  name: text,
  uuid: text,
  qmp: text,
  machine: text,
}) satisfies Describes<VmNames>;

const ramSchema = v.strictObject({
  blocks: count,
  bytes: count,
}) satisfies Describes<PreservedRam>;

const programSchema = v.strictObject({
  program: v.pipe(
    v.string(),
    v.description('"QEMU", or "cprctl" for the embedded machine'),
  ),
  version: text,
  package: text,
  exe: text,
}) satisfies Describes<Program>;

const phaseSchema = v.strictObject({
  name: v.picklist(PHASES),
  start_ms: v.pipe(
    milliseconds,
    v.description("since the start of the update"),
  ),
  duration_ms: milliseconds,
}) satisfies Describes<Phase>;

const checkSchema = v.strictObject({
  id: v.string(),
  verdict: v.picklist(["ok", "warn", "refuse", "skipped"]),
  detail: v.string(),
  remedy: text,
}) satisfies Describes<Check>;

const commandChangeSchema = v.strictObject({
  from: described("the old words; null if words were added"),
  to: described("the new words; null if words were removed"),
  why: v.string(),
}) satisfies Describes<CommandChange>;

const errorSchema = v.strictObject({
  code: v.string(),
  message: v.string(),
  remedy: text,
  qemu: described("the error text of QEMU"),
});

const comparisonSchema = v.strictObject({
  what: v.string(),
  before: v.string(),
  after: v.string(),
});

const differenceSchema = v.strictObject({
  what: v.string(),
  before: described("null if it was not there"),
  after: described("null if it is not there"),
  verdict: v.picklist(verdictNames),
  why: v.string(),
}) satisfies Describes<Finding>;

/** The report of one update. */
export const reportSchema = v.strictObject({
  schema: v.literal(REPORT_SCHEMA),
  outcome: v.picklist(outcomeNames),
  changed: v.pipe(
    v.boolean(),
    v.description("whether the VM was updated; after a check, would be"),
  ),
  vm: vmSchema,
  pid_before: v.nullable(pid),
  pid_after: v.nullable(pid),
  mode: v.picklist(MODES),
  mode_why: v.pipe(
    v.nullable(v.string()),
    v.description("why --mode auto chose it; null where it was given"),
  ),
  from: programSchema,
  to: v.nullable(programSchema),
  downtime_ms: v.pipe(
    v.nullable(milliseconds),
    v.description(
      "STOP to RESUME, by QEMU's timestamps; null if the guest was not stopped",
    ),
  ),
  downtime_predicted_ms: v.pipe(
    v.nullable(milliseconds),
    v.description("what the checks predicted; null where they cannot tell"),
  ),
  downtime_start_ms: v.pipe(
    v.nullable(milliseconds),
    v.description("when the guest stopped, since the start of the update"),
  ),
  phases: v.array(phaseSchema),
  checks: v.array(checkSchema),
  command_changes: v.array(commandChangeSchema),
  ram: v.nullable(ramSchema),
  differences: v.pipe(
    v.array(differenceSchema),
    v.description("between the VM on the old and on the new program"),
  ),
  before_after: v.pipe(
    v.optional(v.array(comparisonSchema)),
    v.description("the observations of a demonstration"),
  ),
  warnings: v.array(v.string()),
  error: v.nullable(errorSchema),
});

/** What `--json` prints if there is no report: nothing was touched. */
export const errorDocumentSchema = v.strictObject({
  schema: v.literal(REPORT_SCHEMA),
  outcome: v.literal("error"),
  changed: v.literal(false),
  error: errorSchema,
});

/** The report of one update. */
export type Report = v.InferOutput<typeof reportSchema>;
/** The error of an update. */
export type ReportError = v.InferOutput<typeof errorSchema>;
/** One value before and after the update. */
export type Comparison = v.InferOutput<typeof comparisonSchema>;
/** What `--json` prints if there is no report. */
export type ErrorDocument = v.InferOutput<typeof errorDocumentSchema>;

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
    mode_why: null,
    to: null,
    downtime_ms: null,
    downtime_predicted_ms: null,
    downtime_start_ms: null,
    phases: [],
    checks: [],
    command_changes: [],
    ram: null,
    differences: [],
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
