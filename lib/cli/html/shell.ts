/**
 * What all pages have: one HTML file without external resources or scripts.
 *
 * @module
 */

import { type Markup, markup, NOTHING } from "./markup.ts";
import { STYLES } from "./styles.ts";

/** Where and when a page was written. */
export interface Written {
  readonly host: string;
  readonly at: Date;
}

/** What a page has of its own. */
export interface Contents {
  readonly title: string;
  /** What kind of page it is, such as "Update report". */
  readonly kind: string;
  readonly body: Markup;
  /** Below the body, not to be seen. */
  readonly data?: Markup;
  /** More style sheets. */
  readonly styles?: Markup;
}

/** Defence in depth, in case that an escape is missing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** A whole page; the text ends with a line feed. */
export function pageOf(
  { title, kind, body, data = NOTHING, styles = NOTHING }: Contents,
  { host, at }: Written,
): string {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cprctl">
<title>${title}</title>
<style>${STYLES}${styles}</style>
</head>
<body>
<main>
<header class="page">
<h1>${kind}</h1>
<p>${host} · <time datetime="${at.toISOString()}">${minute(at)}</time></p>
</header>
${body}
</main>
${data}</body>
</html>
`.toString();
}

/** "2026-11-22 23:40 UTC". */
function minute(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
