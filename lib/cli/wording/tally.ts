/** How several updates ended, in words. */

import type { Outcome } from "../../update/outcome.ts";
import type { Report } from "../../update/report/report.ts";
import { VERDICTS } from "./verdict.ts";

/** From what needs a person to what needs nothing. */
const ORDER: readonly Outcome[] = [
  "needs-person",
  "rolled-back",
  "refused",
  "shut-down",
  "updated",
  "would-update",
  "up-to-date",
];

/** The reports by what they ask of a person; else in their order. */
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

/** "2 need intervention"; empty where none came out so. */
export function tally(reports: readonly Report[], outcome: Outcome): string {
  const count = reports.filter((report) => report.outcome === outcome).length;
  if (count === 0) return "";
  const isPlural = outcome === "needs-person" && count > 1;
  return `${count} ${isPlural ? "need intervention" : VERDICTS[outcome][0]}`;
}
