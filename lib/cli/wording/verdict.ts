/** The text of an outcome. */

import type { Outcome } from "../../update/error.ts";
import type { Report } from "../../update/report/report.ts";
import type { Program } from "../../update/vm/facts.ts";
import { formatDuration } from "./format.ts";

/** Whether a report is of an update or a check. */
export type ReportView = "update" | "check";

/** How good an outcome is. */
export type Mood = "good" | "careful" | "bad";

/** The word and the mood of an outcome. */
export const VERDICTS: Readonly<
  Record<Outcome, readonly [word: string, mood: Mood]>
> = {
  "updated": ["updated", "good"],
  "up-to-date": ["up to date", "good"],
  "would-update": ["would update", "good"],
  "shut-down": ["shut down", "careful"],
  "refused": ["refused", "careful"],
  "rolled-back": ["rolled back", "careful"],
  "needs-person": ["needs intervention", "bad"],
};

/** The name of the VM, or something else that identifies it. */
export function vmName({ vm }: Report): string {
  return vm.name ?? vm.qmp ?? "the VM";
}

/** "guest0 runs on QEMU 11.1.3 (was 11.1.2)". */
export function mainClause(report: Report): string {
  const name = vmName(report);
  const old = programName(report.from);
  switch (report.outcome) {
    case "updated":
      return report.to === null
        ? `${name} runs on the new program`
        : `${name} runs on ${programName(report.to)} ${was(report)}`;
    case "up-to-date":
      return `${name} already runs on ${programName(report.to ?? report.from)}`;
    case "would-update":
      return `${name} would move from ${old} to ${newName(report)}`;
    case "shut-down":
      return `${name} was shut down during the update; it ran on ${old}`;
    case "refused":
      // An earlier attempt of the update may have stopped the guest.
      return `${name} was not ${
        report.downtime_ms === null ? "touched" : "moved"
      } and runs on ${old}`;
    case "rolled-back":
      return `${name} runs on ${old}, its memory intact`;
    case "needs-person":
      return `${name} may not be running`;
  }
}

/** "same pid 4711", "pid 4711 is now 4790"; empty if not known. */
export function pidClause(
  { pid_before: before, pid_after: after, mode, outcome }: Report,
): string {
  if (outcome === "would-update" && mode !== "cpr-exec") {
    return `another process in place of pid ${before}`;
  }
  if (after === null) return before === null ? "" : `pid was ${before}`;
  if (before === null) return `pid ${after}`;
  return before === after
    ? `same pid ${after}`
    : `pid ${before} is now ${after}`;
}

/** "downtime 91.3 ms", or "about 90 ms"; empty if the guest is not stopped. */
export function downtimeClause(report: Report): string {
  const predicted = report.downtime_predicted_ms;
  if (report.outcome === "would-update" && predicted !== null) {
    return `downtime about ${formatDuration(predicted)}`;
  }
  if (report.downtime_ms !== null) {
    return `downtime ${formatDuration(report.downtime_ms)}`;
  }
  return report.outcome === "updated" ? "still paused, as before" : "";
}

/** The whole sentence, after the word. */
export function sentence(report: Report): string {
  return [mainClause(report), pidClause(report), downtimeClause(report)]
    .filter((clause) => clause !== "").join(", ");
}

/** "QEMU 11.1.3", or its path if the version is not known. */
function newName({ to }: Report): string {
  if (to === null) return "the new program";
  return to.version === null ? to.exe ?? to.program : programName(to);
}

/** "QEMU 11.1.3". */
export function programName({ program, version }: Program): string {
  return version === null ? program : `${program} ${version}`;
}

function was({ from, to, mode }: Report): string {
  if (to !== null && from.program !== to.program) {
    return `(was ${programName(from)})`;
  }
  return from.version === to?.version
    ? mode === "cpr-exec"
      ? "(same version, re-executed)"
      : "(same version, another process)"
    : from.version === null
    ? "(previous version unknown)"
    : `(was ${from.version})`;
}
