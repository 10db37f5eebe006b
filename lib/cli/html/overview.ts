/** Several VMs in one table, the worst outcome first. */

import type { LeftOut } from "../../update/all/all_report.ts";
import type { Report } from "../../update/report/report.ts";
import { formatDuration } from "../wording/format.ts";
import { tally, tallyOutcomes } from "../wording/tally.ts";
import { totalTime } from "../wording/time_window.ts";
import { programName, VERDICTS, vmName } from "../wording/verdict.ts";
import { type Markup, markup, NOTHING } from "./markup.ts";
import { timelineStrip } from "./timeline.ts";
import { MOOD_SIGNS } from "./vm_article.ts";

/** The overall verdict, the table, and the VMs that were left out. */
export function overview(
  reports: readonly Report[],
  leftOut: readonly LeftOut[],
): Markup {
  const [worst] = reports;
  if (worst === undefined) {
    return markup`<article class="good all"><h2>No matching VM</h2>
${leftOutSection(leftOut)}</article>`;
  }
  const mood = VERDICTS[worst.outcome][1];
  const count = reports.length === 1 ? "1 VM" : `${reports.length} VMs`;
  const headline = tally(reports, worst.outcome);
  const all = tallyOutcomes(reports);
  return markup`<article class="${mood} all">
<h2><span class="who">${count}</span>
<span class="word">${headline}</span></h2>
${all === headline ? NOTHING : markup`<p class="lead">${all}</p>`}
${overviewTable(reports)}${leftOutSection(leftOut)}</article>
`;
}

function leftOutSection(vms: readonly LeftOut[]): Markup {
  if (vms.length === 0) return NOTHING;
  const items = vms.map(({ name, qmp, pid, why }) =>
    markup`<li>${name ?? qmp ?? "A VM"}, pid ${String(pid)}
<span class="note">${why}</span></li>
`
  );
  return markup`<section class="out"><h3>Left out</h3>
<ul>${items}</ul>
</section>`;
}

/** All timelines have the same scale, so that lengths can be compared. */
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
  const { downtime_ms: downtime, to, from, outcome } = report;
  const program = programName(outcome === "updated" ? to ?? from : from);
  const length = downtime === null ? "–" : formatDuration(downtime);
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
