/** The article about one VM, beginning with the verdict. */

import type { Report } from "../../update/report/report.ts";
import { mainClause, type Mood, VERDICTS, vmName } from "../wording/verdict.ts";
import { checksSection } from "./checks.ts";
import { type Markup, markup, NOTHING, signed } from "./markup.ts";
import {
  commandSection,
  comparisonSection,
  differencesSection,
  failureSection,
  figuresList,
  identitySection,
  warningsSection,
  wasTouched,
} from "./sections.ts";
import { timelineSection } from "./timeline.ts";

/** A sign for each mood, so that it does not depend on colour. */
export const MOOD_SIGNS: Readonly<Record<Mood, string>> = {
  good: "✓",
  careful: "▲",
  bad: "✕",
};

/** "rolled back". */
export function wordOf({ outcome }: Report): string {
  return VERDICTS[outcome][0];
}

/** The article; `id` is its id and the prefix of all ids in it. */
export function vmArticle(report: Report, id: string): Markup {
  const [word, mood] = VERDICTS[report.outcome];
  const verdict = word.charAt(0).toUpperCase() + word.slice(1);
  return markup`<article class="${mood}" id="${id}">
<h2><span class="who">${vmName(report)}</span>
<span class="word">${signed(MOOD_SIGNS[mood], verdict)}</span></h2>
<p class="lead">${mainClause(report)}</p>
${failureSection(report)}
${warningsSection(report.warnings)}
${figuresList(report)}
${wasTouched(report) ? timelineSection(report, id) : NOTHING}
${comparisonSection(report)}
${checksSection(report, report.outcome === "would-update")}
${commandSection(report.command_changes)}
${differencesSection(report.differences)}
${identitySection(report)}
</article>`;
}
