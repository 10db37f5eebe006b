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
import { type Markup, markup, scriptJson, signed } from "./markup.ts";
import { overview } from "./overview.ts";
import { errorSection } from "./sections.ts";
import { STYLES } from "./styles.ts";
import { vmArticle, wordOf } from "./vm_article.ts";

/** A document that a page can show. */
export type PageDocument = Report | AllReport | ErrorDocument;

/** Where and when a page was written, and about what. */
export interface Origin {
  readonly host: string;
  readonly at: Date;
  /** Default: "update". */
  readonly view?: ReportView | undefined;
}

/** Defence in depth, in case that an escape is missing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** Renders a page; the text ends with a line feed. */
export function renderPage(document: PageDocument, origin: Origin): string {
  const { title, body } = contents(document);
  const { host, at, view } = origin;
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cprctl">
<title>${title}</title>
<style>${STYLES}</style>
</head>
<body>
<main>
<header class="page">
<h1>${view === "check" ? "Check report" : "Update report"}</h1>
<p>${host} · <time datetime="${at.toISOString()}">${minute(at)}</time></p>
</header>
${body}
</main>
<script type="application/json" id="report">
${scriptJson(document)}
</script>
</body>
</html>
`.toString();
}

interface Contents {
  readonly title: string;
  readonly body: Markup;
}

function contents(document: PageDocument): Contents {
  if ("results" in document) return listContents(document);
  if (document.outcome === "error") return errorContents(document);
  return {
    title: `${vmName(document)}: ${wordOf(document)}`,
    body: vmArticle(document, "vm-1"),
  };
}

function listContents(all: AllReport): Contents {
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

function errorContents({ error }: ErrorDocument): Contents {
  return {
    title: "Not started",
    body: markup`<article class="bad">
<h2><span class="word">${signed("✕", "Not started")}</span></h2>
<p class="lead">No VM was touched</p>
${errorSection(error)}
</article>`,
  };
}

/** "2026-11-22 23:40 UTC". */
function minute(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
