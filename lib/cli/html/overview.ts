/** Several VMs in one table, whoever needs a person first. */

import type { Outcome, Report } from "../../update/report.ts";
import { formatDuration } from "../format.ts";
import { totalTime } from "../time_window.ts";
import { programName, VERDICTS, vmName } from "../verdict.ts";
import { type Markup, markup, NOTHING } from "./markup.ts";
import { timelineStrip } from "./timeline.ts";
import { MOOD_SIGNS } from "./vm_article.ts";

/** From what needs a person to what needs nothing. */
const ORDER: readonly Outcome[] = [
  "needs-person",
  "rolled-back",
  "refused",
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

/** "2 need a person"; empty where none came out so. */
function tally(reports: readonly Report[], outcome: Outcome): string {
  const count = reports.filter((report) => report.outcome === outcome).length;
  if (count === 0) return "";
  const isPlural = outcome === "needs-person" && count > 1;
  return `${count} ${isPlural ? "need a person" : VERDICTS[outcome][0]}`;
}

/** The verdict on all of them, and the table. */
export function overview(reports: readonly Report[]): Markup {
  const [worst] = reports;
  if (worst === undefined) {
    return markup`<article class="good all"><h2>No VM was there to update</h2></article>`;
  }
  const mood = VERDICTS[worst.outcome][1];
  const count = reports.length === 1 ? "1 VM" : `${reports.length} VMs`;
  const headline = tally(reports, worst.outcome);
  const all = tallyOutcomes(reports);
  return markup`<article class="${mood} all">
<h2><span class="who">${count}</span>
<span class="word">${headline}</span></h2>
${all === headline ? NOTHING : markup`<p class="lead">${all}</p>`}
${overviewTable(reports)}</article>
`;
}

/** All of its timelines have one scale, so lengths compare. */
function overviewTable(reports: readonly Report[]): Markup {
  const total = Math.max(...reports.map(totalTime));
  const rows = reports.map((report, index) =>
    row(report, `vm-${index + 1}`, total)
  );
  return markup`<table>
<thead><tr><th scope="col">VM</th><th scope="col" class="strip">Timeline, ${
    formatDuration(total)
  }</th><th scope="col" class="figure">Paused</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
`;
}

function row(report: Report, id: string, total: number): Markup {
  const [word, mood] = VERDICTS[report.outcome];
  const { blackout_ms: pause, to, from, outcome } = report;
  const program = programName(outcome === "updated" ? to ?? from : from);
  const length = pause === null ? "–" : formatDuration(pause);
  return markup`<tr class="${mood}">
<th scope="row"><a href="#${id}">${vmName(report)}</a>
<span class="note"><span class="mood"><span aria-hidden="true">${
    MOOD_SIGNS[mood]
  }</span> ${word}</span> · ${program}</span></th>
<td class="strip">${timelineStrip(report, total)}</td>
<td class="figure">${length}</td>
</tr>
`;
}
