/** The checks: those that refuse or warn in full, the rest folded. */

import type { Check } from "../../update/preflight/check.ts";
import type { Report } from "../../update/report/report.ts";
import { repeatsRefusals } from "../wording/refusals.ts";
import { tallyChecks } from "../wording/tally.ts";
import { type Markup, markup, NOTHING, signed } from "./markup.ts";
import { remedyLine } from "./sections.ts";

type Verdict = Check["verdict"];

/** Worst first, each with a sign that does not depend on colour. */
const SIGNS: Readonly<Record<Verdict, string>> = {
  refuse: "✕",
  warn: "▲",
  ok: "✓",
  skipped: "–",
};
const VERDICTS = Object.keys(SIGNS) as Verdict[];

/**
 * The checks; those that refuse only unless they are shown as the error.
 *
 * @param open whether those that passed are shown from the start
 */
export function checksSection(report: Report, open: boolean): Markup {
  const checks = repeatsRefusals(report)
    ? report.checks.filter(({ verdict }) => verdict !== "refuse")
    : report.checks;
  if (checks.length === 0) return NOTHING;
  const told = sorted(checks).filter(isTold);
  const folded = sorted(checks).filter((check) => !isTold(check));
  return markup`<section class="checks"><h3>Checks</h3>
${told.length === 0 ? NOTHING : checksTable(told)}
${folded.length === 0 ? NOTHING : foldedTable(folded, open)}
</section>`;
}

function foldedTable(checks: readonly Check[], open: boolean): Markup {
  return markup`<details${open ? markup` open=""` : NOTHING}><summary>${
    tallyChecks(checks)
  }</summary>${checksTable(checks)}</details>`;
}

function checksTable(checks: readonly Check[]): Markup {
  return markup`<table>
<thead><tr><th scope="col">Verdict</th><th scope="col">Check</th></tr></thead>
<tbody>
${checks.map(checkRow)}</tbody>
</table>
`;
}

function checkRow({ id, verdict, detail, remedy }: Check): Markup {
  return markup`<tr class="${verdict}">
<td class="mark">${signed(SIGNS[verdict], verdict)}</td>
<td><code>${id}</code><p>${detail}</p>${remedyLine(remedy)}</td>
</tr>
`;
}

function sorted(checks: readonly Check[]): Check[] {
  return VERDICTS.flatMap((verdict) =>
    checks.filter((check) => check.verdict === verdict)
  );
}

function isTold({ verdict }: Check): boolean {
  return verdict === "refuse" || verdict === "warn";
}
