/** The sections of a page about one VM, except timeline and checks. */

import type { CommandChange } from "../../update/command/draft.ts";
import type { Outcome } from "../../update/error.ts";
import type {
  Comparison,
  Report,
  ReportError,
} from "../../update/report/report.ts";
import type { Program } from "../../update/vm/facts.ts";
import { formatDuration, formatSize } from "../wording/format.ts";
import {
  partsOfRemedy,
  refusalsOf,
  repeatsRefusals,
} from "../wording/refusals.ts";
import { totalTime } from "../wording/time_window.ts";
import { programName } from "../wording/verdict.ts";
import { type Figure, figuresOf } from "./figures.ts";
import { type Markup, markup, NOTHING } from "./markup.ts";

/** Whether an update touched the VM. */
export function wasTouched({ outcome }: Report): boolean {
  return outcome === "updated" || outcome === "rolled-back" ||
    outcome === "needs-person";
}

/** The most important figures, without those that are not known. */
export function figuresList(report: Report): Markup {
  return figuresOf([
    downtimeFigure(report),
    processFigure(report),
    memoryFigure(report),
    timeFigure(report),
  ]);
}

function downtimeFigure(
  { downtime_ms: downtime, downtime_predicted_ms: predicted }: Report,
): Figure | undefined {
  if (downtime === null) return undefined;
  const note = predicted === null ? "" : `; predicted: about ${predicted} ms`;
  return {
    name: "Downtime",
    value: formatDuration(downtime),
    note: `from stop to resume${note}`,
  };
}

function processFigure(report: Report): Figure | undefined {
  const { pid_before: before, pid_after: after } = report;
  const pid = after ?? before;
  if (pid === null) return undefined;
  const note = !wasTouched(report)
    ? "not touched"
    : after === null
    ? "before the update"
    : before === null || before === after
    ? "the same process"
    : `was ${before}`;
  return { name: "Process ID", value: String(pid), note };
}

function memoryFigure({ ram, outcome }: Report): Figure | undefined {
  if (ram === null || outcome !== "updated") return undefined;
  const blocks = ram.blocks === 1 ? "1 block" : `${ram.blocks} blocks`;
  const note = `${blocks}, in place`;
  return { name: "Memory kept", value: formatSize(ram.bytes), note };
}

function timeFigure(report: Report): Figure | undefined {
  if (report.phases.length === 0 || !wasTouched(report)) return undefined;
  const value = formatDuration(totalTime(report));
  return { name: "Whole update", value, note: `by ${report.mode}` };
}

/** What went wrong; for a refusal, each check that refuses. */
export function failureSection(report: Report): Markup {
  const { error } = report;
  if (error === null) return NOTHING;
  if (!repeatsRefusals(report)) return errorSection(error);
  return markup`${
    refusalsOf(report).map(({ id, detail, remedy }) =>
      markup`<section class="error"><h3>Refused by <code>${id}</code></h3>
<p>${detail}</p>
${remedyLine(remedy)}
</section>
`
    )
  }`;
}

/** An error, with QEMU's message and the remedy. */
export function errorSection(error: ReportError): Markup {
  const { message, qemu, remedy, code } = error;
  return markup`<section class="error"><h3>Error <code>${code}</code></h3>
<p>${message}</p>
${qemu === null ? NOTHING : qemuWords(qemu)}
${remedyLine(remedy)}
</section>`;
}

function qemuWords(words: string): Markup {
  return markup`<p class="note">QEMU says:</p>
<blockquote><code>${words}</code></blockquote>`;
}

/** The remedy, options below as text to paste; nothing if there is none. */
export function remedyLine(remedy: string | null): Markup {
  if (remedy === null) return NOTHING;
  const { prose, options } = partsOfRemedy(remedy);
  const line = markup`<p class="remedy"><b>Try:</b> ${prose}</p>`;
  if (options.length === 0) return line;
  const lines = options.map((it, at) => at === 0 ? it : markup` \\\n${it}`);
  return markup`${line}<pre><code>${lines}</code></pre>`;
}

/** The warnings. */
export function warningsSection(warnings: readonly string[]): Markup {
  if (warnings.length === 0) return NOTHING;
  const heading = warnings.length === 1 ? "Warning" : "Warnings";
  return markup`<section class="warnings"><h3>${heading}</h3>
<ul>${warnings.map((warning) => markup`<li>${warning}</li>`)}</ul>
</section>`;
}

/** The headings of the two columns of a comparison. */
const SIDES: Readonly<Record<Outcome, readonly [string, string]>> = {
  "updated": ["Before", "After"],
  "up-to-date": ["Runs on", "Requested"],
  "would-update": ["Runs on", "Would run on"],
  "shut-down": ["Ran on", "Requested"],
  "refused": ["Runs on", "Requested"],
  "rolled-back": ["Runs on", "Attempted"],
  "needs-person": ["Before", "Attempted"],
};

/** The programs, and other comparisons of the report. */
export function comparisonSection(report: Report): Markup {
  const [left, right] = SIDES[report.outcome];
  const heading = right === "After" ? "Before and after" : "Programs";
  const rows = [...programRows(report), ...report.before_after ?? []];
  return markup`<section class="sides"><h3>${heading}</h3>
<table>
<thead><tr><td></td><th scope="col">${left}</th><th scope="col">${right}</th></tr></thead>
<tbody>
${rows.map(comparisonRow)}</tbody>
</table>
</section>`;
}

/** Both programs, as far as they are known. */
function programRows({ from, to }: Report): Comparison[] {
  const row = (what: string, value: (program: Program) => string | null) => {
    const before = value(from);
    const after = to === null ? null : value(to);
    return before === null && after === null
      ? []
      : [{ what, before: before ?? "–", after: after ?? "–" }];
  };
  return [
    ...row("Program", programName),
    ...row("Package", (program) => program.package),
    ...row("Executable", (program) => program.exe),
  ];
}

function comparisonRow({ what, before, after }: Comparison): Markup {
  const values = before === after
    ? markup`<td colspan="2">${before} <span class="note">the same</span></td>`
    : markup`<td>${before}</td><td>${after}</td>`;
  return markup`<tr><th scope="row">${what}</th>${values}</tr>
`;
}

/** The command line's changes, each with its reason. */
export function commandSection(changes: readonly CommandChange[]): Markup {
  if (changes.length === 0) return NOTHING;
  return markup`<section class="command"><h3>Command line</h3>
<ul>
${changes.map(commandChange)}</ul>
</section>`;
}

function commandChange({ from, to, why }: CommandChange): Markup {
  const gone = from === null
    ? NOTHING
    : markup`<del><code>− ${from}</code></del>`;
  const come = to === null ? NOTHING : markup`<ins><code>+ ${to}</code></ins>`;
  return markup`<li>${gone}${come}<p class="note">${why}</p></li>
`;
}

/** What differed between the VM on the old and on the new program. */
export function differencesSection(
  differences: Report["differences"],
): Markup {
  if (differences.length === 0) return NOTHING;
  return markup`<section class="command"><h3>Differences</h3>
<ul>
${
    differences.map(({ what, before, after, why }) =>
      markup`<li>${what}</li>
${commandChange({ from: before, to: after, why })}`
    )
  }</ul>
</section>`;
}

/** The identity of the VM. */
export function identitySection({ vm }: Report): Markup {
  const rows = ([
    ["UUID", vm.uuid],
    ["Machine", vm.machine],
    ["QMP socket", vm.qmp],
  ] as const).flatMap(([name, value]) =>
    value === null
      ? []
      : [markup`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>
`]
  );
  if (rows.length === 0) return NOTHING;
  return markup`<section class="identity"><h3>The VM</h3>
<dl>
${rows}</dl>
</section>`;
}
