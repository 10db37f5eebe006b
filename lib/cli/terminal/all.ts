/** Several updates on a terminal: a line for each, then the sum. */

import type { AllReport, LeftOut } from "../../update/all/all_report.ts";
import type { PhaseName } from "../../update/phase.ts";
import type { Report } from "../../update/report/report.ts";
import type { Look } from "../process.ts";
import { formatDuration } from "../wording/format.ts";
import { printable } from "../../inert.ts";
import { tallyAll } from "../wording/tally.ts";
import { sentence, VERDICTS } from "../wording/verdict.ts";
import { painter } from "./paint.ts";

/** A VM that is done; the text ends with a line feed. */
export function doneText(report: Report, { colour }: Look): string {
  const paint = painter(colour);
  const [word, tone] = VERDICTS[report.outcome];
  const lines = [`${paint(`${word}:`, tone)} ${printable(sentence(report))}`];
  const { error, warnings } = report;
  for (const warning of warnings) {
    lines.push(`  ${paint("warning:", "careful")} ${printable(warning)}`);
  }
  if (error !== null) {
    lines.push(`  ${paint("error:", "bad")} ${printable(error.message)}`);
    if (error.remedy !== null) {
      lines.push(`  ${paint("try:", "strong")} ${printable(error.remedy)}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** A VM that was left out. */
export function leftOutText(vm: LeftOut, { colour }: Look): string {
  const name = vm.name ?? vm.qmp ?? "a VM";
  const text = printable(`${name}, pid ${vm.pid}: ${vm.why}`);
  return `${painter(colour)("left out:", "faint")} ${text}\n`;
}

/**
 * "1 rolled back, 31 updated, 2 left out; 24.1 s; longest downtime 97.2 ms".
 */
export function sumText(all: AllReport): string {
  const { unreadable, duration_ms, longest_downtime_ms } = all.summary;
  const parts = [
    tallyAll(all),
    unreadable === 0
      ? ""
      : `${unreadable} of other users not visible: run as root to see all`,
    formatDuration(duration_ms),
    longest_downtime_ms === null
      ? ""
      : `longest downtime ${formatDuration(longest_downtime_ms)}`,
  ];
  return `${parts.filter((part) => part !== "").join("; ")}\n`;
}

/** "3 done; web-4: switchover, web-5: preflight …". */
export function underWayText(
  done: number,
  underWay: Iterable<readonly [name: string, phase: PhaseName]>,
): string {
  const now = [...underWay].map(([name, phase]) => `${name}: ${phase}`);
  return printable(`${done} done; ${now.join(", ")} …`);
}
