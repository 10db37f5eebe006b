/**
 * A report as one HTML page without external resources or scripts. It contains
 * the report as JSON in `#report`.
 *
 * @module
 */

import type { AllReport } from "../../update/all/all_report.ts";
import type { ErrorDocument, Report } from "../../update/report/report.ts";
import { tallyAll, worstFirst } from "../wording/tally.ts";
import { type ReportView, vmName } from "../wording/verdict.ts";
import { markup, scriptJson, signed } from "./markup.ts";
import { overview } from "./overview.ts";
import { errorSection } from "./sections.ts";
import { type Contents, pageOf, type Written } from "./shell.ts";
import { vmArticle, wordOf } from "./vm_article.ts";

/** A document that a page can show. */
export type PageDocument = Report | AllReport | ErrorDocument;

/** Where and when a page was written, and about what. */
export interface Origin extends Written {
  /** Default: "update". */
  readonly view?: ReportView | undefined;
}

/** Renders a page; the text ends with a line feed. */
export function renderPage(document: PageDocument, origin: Origin): string {
  return pageOf({
    ...contents(document),
    kind: origin.view === "check" ? "Check report" : "Update report",
    data: markup`<script type="application/json" id="report">
${scriptJson(document)}
</script>
`,
  }, origin);
}

type OwnContents = Pick<Contents, "title" | "body">;

function contents(document: PageDocument): OwnContents {
  if ("results" in document) return listContents(document);
  if (document.outcome === "error") return errorContents(document);
  return {
    title: `${vmName(document)}: ${wordOf(document)}`,
    body: vmArticle(document, "vm-1"),
  };
}

function listContents(all: AllReport): OwnContents {
  const reports = worstFirst(all.results);
  const articles = reports.map((report, index) =>
    markup`<details class="one">
<summary>${vmName(report)}: ${wordOf(report)}</summary>
${vmArticle(report, `vm-${index + 1}`)}
</details>
`
  );
  return {
    title: `VMs: ${tallyAll(all)}`,
    body: markup`${overview(reports, all)}${articles}`,
  };
}

function errorContents({ error }: ErrorDocument): OwnContents {
  return {
    title: "Not started",
    body: markup`<article class="bad">
<h2><span class="word">${signed("✕", "Not started")}</span></h2>
<p class="lead">No VM was touched</p>
${errorSection(error)}
</article>`,
  };
}
