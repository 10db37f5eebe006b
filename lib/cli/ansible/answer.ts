/**
 * The result of an update for Ansible.
 *
 * ```
 * outcome        changed   failed   vm_state
 * updated        yes       no       running-new, or paused as before
 * up-to-date     no        no       running-new, or paused as before
 * would-update   yes       no       running-old, or paused as before
 * shut-down      no        no       off
 * refused        no        yes      running-old, or paused as before
 * rolled-back    no        yes      running-old, or paused as before
 * needs-person   no        yes      as observed: lost, unknown, …
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

/** The state of a VM, as far as it is known. */
export type VmState =
  | "running-old"
  | "running-new"
  | "paused"
  | "off"
  | "lost"
  | "unknown";

/** The JSON object for Ansible. */
export type Answer = Readonly<Record<string, unknown>>;

/** A VM before and after; undefined if it did not answer. */
export interface Observations {
  readonly before: Observation | undefined;
  readonly after: Observation | undefined;
}

/**
 * The answer with every text escaped: Ansible writes messages, warnings and
 * names to the operator's terminal unchanged. `diff` is escaped already, and
 * keeps its lines.
 */
export function inertAnswer({ diff, ...answer }: Answer): Answer {
  return {
    ...mapTexts(answer, printable),
    ...diff === undefined ? {} : { diff },
  };
}

/** The answer for an update or a check. */
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
 * Ansible prints the answer of a failure in one line, of which checks without a
 * finding would be the largest part.
 */
function withoutFaultless(report: Report): Report {
  const checks = report.checks.filter(({ verdict }) => verdict !== "ok");
  return { ...report, checks };
}

/** The checks that refuse the update. */
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

/** Determined by observation, not only by the outcome. */
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
