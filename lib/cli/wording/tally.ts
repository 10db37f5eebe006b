/** Counts the outcomes of several updates. */

import type { Outcome } from "../../update/error.ts";
import type { AllReport } from "../../update/all/all_report.ts";
import type { Check } from "../../update/preflight/check.ts";
import type { Report } from "../../update/report/report.ts";
import { VERDICTS } from "./verdict.ts";

/** The worst first. */
const ORDER: readonly Outcome[] = [
  "needs-person",
  "rolled-back",
  "refused",
  "shut-down",
  "updated",
  "would-update",
  "up-to-date",
];

/** The reports sorted by outcome, the worst first. */
export function worstFirst(reports: readonly Report[]): Report[] {
  return ORDER.flatMap((outcome) =>
    reports.filter((report) => report.outcome === outcome)
  );
}

/** "1 rolled back, 31 updated". */
export function tallyOutcomes(reports: readonly Report[]): string {
  if (reports.length === 0) return "none";
  return ORDER.map((outcome) => tally(reports, outcome))
    .filter((text) => text !== "").join(", ");
}

/**
 * "1 rolled back, 31 updated, 2 left out".
 *
 * @param outcome the only one to count; default: all
 */
export function tallyAll(
  { results, left_out }: Pick<AllReport, "results" | "left_out">,
  outcome?: Outcome,
): string {
  const left = left_out.length === 0 ? [] : [`${left_out.length} left out`];
  if (results.length === 0) return left[0] ?? "No matching VM";
  const done = outcome === undefined
    ? tallyOutcomes(results)
    : tally(results, outcome);
  return [done, ...left].join(", ");
}

const VERDICTS_OF_CHECKS = ["ok", "warn", "refuse", "skipped"] as const;

/** "38 ok, 1 refuse, 4 skipped". */
export function tallyChecks(checks: readonly Check[]): string {
  return VERDICTS_OF_CHECKS.flatMap((verdict) => {
    const count = checks.filter((it) => it.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${verdict}`];
  }).join(", ");
}

/** "2 need intervention"; empty if there are none. */
export function tally(reports: readonly Report[], outcome: Outcome): string {
  const count = reports.filter((report) => report.outcome === outcome).length;
  if (count === 0) return "";
  const isPlural = outcome === "needs-person" && count > 1;
  return `${count} ${isPlural ? "need intervention" : VERDICTS[outcome][0]}`;
}
