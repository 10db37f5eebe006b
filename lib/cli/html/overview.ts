/** Several VMs in one table, the worst outcome first. */

import type { AllReport, LeftOut } from "../../update/all/all_report.ts";
import type { Report } from "../../update/report/report.ts";
import { formatDuration } from "../wording/format.ts";
import { tallyAll } from "../wording/tally.ts";
import { later, totalTime } from "../wording/time_window.ts";
import {
  type Mood,
  programName,
  VERDICTS,
  vmName,
} from "../wording/verdict.ts";
import { type Markup, markup, NOTHING, signed } from "./markup.ts";
import { timelineStrip } from "./timeline.ts";
import { MOOD_SIGNS } from "./vm_article.ts";

/**
 * The overall verdict, the table, and the VMs that were left out.
 *
 * @param reports the results, the worst first
 */
export function overview(reports: readonly Report[], all: AllReport): Markup {
  const [worst] = reports;
  const isMissing = all.left_out.some(({ due }) => due);
  const moods: Mood[] = [
    worst === undefined ? "good" : VERDICTS[worst.outcome][1],
    isMissing ? "careful" : "good",
  ];
  const mood = MOODS.find((it) => moods.includes(it)) ?? "good";
  const number = reports.length + all.left_out.length;
  const count = number === 1 ? "1 VM" : `${number} VMs`;
  const [headline, whole] = [tallyAll(all, worst?.outcome), tallyAll(all)];
  return markup`<article class="${mood} all">
<h2><span class="who">${count}</span>
<span class="word">${signed(MOOD_SIGNS[mood], headline)}</span></h2>
${whole === headline ? NOTHING : markup`<p class="lead">${whole}</p>`}
${reports.length === 0 ? NOTHING : overviewTable(reports, all)}${
    leftOutSection(all.left_out)
  }</article>
`;
}

/** The worst first. */
const MOODS: readonly Mood[] = ["bad", "careful", "good"];

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

/** All timelines have the same scale, from the start of the run to its end. */
function overviewTable(
  reports: readonly Report[],
  { results, starts_ms: starts, summary }: AllReport,
): Markup {
  const total = Math.max(summary.duration_ms, ...reports.map(totalTime));
  const rows = reports.map((report, index) => {
    const start = starts[results.indexOf(report)] ?? 0;
    return row(report, `vm-${index + 1}`, { start, total });
  });
  return markup`<table>
<thead><tr><th scope="col">VM</th><th scope="col" class="strip">Timeline, ${
    formatDuration(total)
  }</th><th scope="col" class="figure">Downtime</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
`;
}

function row(
  report: Report,
  id: string,
  { start, total }: { readonly start: number; readonly total: number },
): Markup {
  const [word, mood] = VERDICTS[report.outcome];
  const { downtime_ms: downtime, to, from, outcome } = report;
  const program = programName(outcome === "updated" ? to ?? from : from);
  const length = downtime === null ? "–" : formatDuration(downtime);
  return markup`<tr class="${mood}">
<th scope="row"><a href="#${id}">${vmName(report)}</a>
<span class="note"><span class="mood">${
    signed(MOOD_SIGNS[mood], word)
  }</span> · ${program}</span></th>
<td class="strip">${timelineStrip(later(report, start), total)}</td>
<td class="figure">${length}</td>
</tr>
`;
}
