/** What refuses an update, and what to do about it. */

import type { Check } from "../../update/preflight/check.ts";
import type { Report } from "../../update/report/report.ts";

/** Options with values, at the end of a sentence. */
const ENDS_IN_OPTIONS = /^(.*?)((?: -\w[\w-]* [^ -]\S*)+)$/;

/** The checks that refuse. */
export function refusalsOf({ checks }: Pick<Report, "checks">): Check[] {
  return checks.filter(({ verdict }) => verdict === "refuse");
}

/** Whether the error of a report says only what its refusals say. */
export function repeatsRefusals(report: Report): boolean {
  const { error } = report;
  return error !== null && error.qemu === null &&
    refusalsOf(report)[0]?.id === error.code;
}

/** A remedy, and the options at its end, which are to be pasted. */
export function partsOfRemedy(
  remedy: string,
): { readonly prose: string; readonly options: readonly string[] } {
  const [, prose = remedy, words = ""] = ENDS_IN_OPTIONS.exec(remedy) ?? [];
  return {
    prose,
    options: words.split(/ (?=-\w)/).filter((it) => it !== ""),
  };
}
