/**
 * What Ansible is told of an update.
 *
 * ```
 * outcome        changed   failed   vm_state
 * updated        yes       no       running-new, or paused as it was
 * up-to-date     no        no       running-new, or paused as it was
 * would-update   yes       no       running-old, or paused as it is
 * shut-down      no        no       off
 * refused        no        yes      running-old, or paused as it is
 * rolled-back    no        yes      running-old, or paused as it was
 * needs-person   no        yes      whatever is found: lost, unknown, …
 * ```
 *
 * @module
 */

import { mapTexts, printable } from "../../inert.ts";
import { isThere } from "../../proc/process_name.ts";
import type { Check } from "../../update/preflight/check.ts";
import type { Report } from "../../update/report/report.ts";
import type { Observation } from "../../update/vm/probe.ts";
import { formatDuration } from "../wording/format.ts";

/** What a VM does, as far as can be told. */
export type VmState =
  | "running-old"
  | "running-new"
  | "paused"
  | "off"
  | "lost"
  | "unknown";

/** One JSON object, as Ansible reads it. */
export type Answer = Readonly<Record<string, unknown>>;

/** A VM before and after; undefined where it did not answer. */
export interface Observations {
  readonly before: Observation | undefined;
  readonly after: Observation | undefined;
}

/**
 * The answer with every text made harmless: Ansible writes messages, warnings
 * and names to the operator's terminal as they are. `diff` is so already, and
 * keeps its lines.
 */
export function inertAnswer({ diff, ...answer }: Answer): Answer {
  return {
    ...mapTexts(answer, printable),
    ...diff === undefined ? {} : { diff },
  };
}

/** Says how an update, or a check of one, ended. */
export async function updateAnswer(
  report: Report,
  observations: Observations,
): Promise<Answer> {
  const failed = report.error !== null;
  return {
    changed: report.changed,
    ...failed ? { failed: true, remedy: report.error?.remedy ?? null } : {},
    msg: sentence(report),
    outcome: report.outcome,
    vm_state: await vmState(report, observations),
    blockers: blockersOf(report.checks),
    downtime_ms: report.downtime_ms,
    pid: observations.after?.pid ?? report.pid_after,
    ...report.warnings.length > 0 ? { warnings: report.warnings } : {},
    report: failed ? withoutFaultless(report) : report,
  };
}

/**
 * Ansible prints all of a failure's answer in one line: the checks that found
 * no fault would be most of it.
 */
function withoutFaultless(report: Report): Report {
  const checks = report.checks.filter(({ verdict }) => verdict !== "ok");
  return { ...report, checks };
}

/** What speaks against an update. */
export function blockersOf(
  checks: readonly Check[],
): Pick<Check, "id" | "detail" | "remedy">[] {
  return checks.filter(({ verdict }) => verdict === "refuse")
    .map(({ id, detail, remedy }) => ({ id, detail, remedy }));
}

function sentence(report: Report): string {
  const vm = `"${report.vm.name ?? report.vm.qmp}"`;
  if (report.error !== null) return report.error.message;
  const exe = `"${report.to?.exe ?? report.from.exe}"`;
  switch (report.outcome) {
    case "up-to-date":
      return `VM ${vm} already runs on ${exe}`;
    case "would-update":
      return `VM ${vm} would move to ${exe}`;
    case "shut-down":
      return `VM ${vm} was shut down during the update`;
    default:
      return `VM ${vm} moved to ${exe}` +
        (report.downtime_ms === null
          ? ""
          : `: its downtime was ${formatDuration(report.downtime_ms)}`);
  }
}

/** By what is there, not by what was meant to be. */
async function vmState(
  { outcome }: Report,
  { before, after }: Observations,
): Promise<VmState> {
  if (outcome === "shut-down") return "off";
  if (after === undefined) {
    return before !== undefined && !await isThere(before) ? "lost" : "unknown";
  }
  if (!after.running) return "paused";
  if (outcome === "updated" || outcome === "up-to-date") return "running-new";
  if (outcome !== "needs-person") return "running-old";
  if (before === undefined) return "unknown";
  const same = before.executable.dev === after.executable.dev &&
    before.executable.ino === after.executable.ino;
  return same ? "running-old" : "running-new";
}
