/**
 * The style of a page: one column, system fonts, and the colour of the verdict
 * as accent. Light and dark by the reader's preference; black on white in
 * print.
 *
 * @module
 */

import { Markup } from "./markup.ts";
import { MARGINS } from "./timeline.ts";

const CSS = `
:root {
  --paper: #fbfbf9; --ink: #1b1e21; --soft: #596066; --line: #dcddd8;
  --fill: #f1f1ed; --bar: #7b838a;
  --good: #0b6b5d; --careful: #8a5200; --bad: #b3261e;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131618; --ink: #e6e7e4; --soft: #9ba3a8; --line: #2d3236;
    --fill: #1b1f22; --bar: #7a848b;
    --good: #5cc9b4; --careful: #e9ae57; --bad: #ff8b80;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 5rem; }
.good { --accent: var(--good); }
.careful { --accent: var(--careful); }
.bad { --accent: var(--bad); }
h1, h2, h3, p, dl, dd, ul, blockquote { margin: 0; }
ul { padding: 0; list-style: none; }
code { font: .875em/1.5 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: inherit; text-decoration-color: var(--bar); text-underline-offset: .2em; }
.note { color: var(--soft); font-size: .875rem; font-weight: 400; }

header.page {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem;
  padding-bottom: .75rem; border-bottom: 1px solid var(--line);
  color: var(--soft); font-size: .875rem;
}
header.page h1 { font: inherit; }

article { margin-top: 2.75rem; }
h2 { font-size: 1rem; font-weight: 600; line-height: 1.2; }
h2 .who { display: block; margin-bottom: .375rem; }
h2 .word {
  display: block; color: var(--accent);
  font-size: clamp(2.25rem, 8vw, 3.25rem); font-weight: 600; letter-spacing: -.025em;
}
h2 .word > span { font-size: .75em; }
.all h2 .word { font-size: clamp(1.75rem, 6vw, 2.5rem); }
.lead { margin-top: .625rem; font-size: 1.125rem; max-width: 38rem; }

section { margin-top: 3rem; }
h3 { margin-bottom: .875rem; font-size: 1rem; font-weight: 600; }
h3 code { margin-left: .5rem; color: var(--soft); font-weight: 400; }

.error, .warnings { margin-top: 2rem; padding: .25rem 0 .25rem 1.125rem; border-left: 3px solid var(--accent); }
.warnings { border-left-color: var(--careful); }
.error h3, .warnings h3 { margin-bottom: .25rem; }
.error .note { margin-top: .75rem; }
.remedy { margin-top: .75rem; }
pre { margin: .5rem 0 0; padding: .5rem .75rem; background: var(--fill); white-space: pre-wrap; }
.warnings li + li { margin-top: .5rem; }

.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1.5rem 1.25rem; margin-top: 2.5rem; }
.figures dt { color: var(--soft); font-size: .875rem; }
.figures dd { font-size: 1.5rem; line-height: 1.35; letter-spacing: -.01em; }
.figures dd.note { font-size: .875rem; letter-spacing: 0; text-wrap: balance; }

svg { display: block; overflow: visible; }
svg.rows {
  width: calc(100% - ${MARGINS.names + MARGINS.figures}px);
  margin-left: ${MARGINS.names}px;
}
svg text { font-size: 14px; fill: var(--ink); }
svg .figure { fill: var(--soft); }
svg .accent { fill: var(--accent); font-weight: 600; }
svg .scale, svg .beyond { fill: var(--soft); font-size: 12px; }
svg .bar { fill: var(--bar); stroke: var(--bar); stroke-width: 1px; }
svg .bar.paused { fill: var(--accent); stroke: var(--accent); }
svg .bar.back { fill: var(--bad); stroke: var(--bad); }
svg .band { fill: var(--accent); fill-opacity: .09; }
svg .edge { stroke: var(--accent); stroke-opacity: .45; }
svg .running { stroke: var(--ink); stroke-width: 2; }
svg .still { stroke: var(--accent); stroke-width: 2; stroke-dasharray: 2 5; }
svg .tick { stroke: var(--line); }
svg .track { fill: var(--line); }
svg.strip .paused { fill: var(--accent); }
.whole { margin-bottom: 1.5rem; }
.whole span { display: block; color: var(--soft); font-size: .875rem; }

table { width: 100%; border-collapse: collapse; }
th, td { padding: .625rem 1rem .625rem 0; text-align: left; vertical-align: top; font-weight: 400; border-top: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th, thead td { padding-top: 0; border-top: 0; color: var(--soft); font-size: .875rem; }
.sides table { table-layout: fixed; }
.sides thead td { width: 10rem; }
.sides tbody th::first-letter { text-transform: uppercase; }
.sides tbody th { color: var(--soft); }
.sides td .note { margin-left: .5rem; }
.checks .mark { width: 6.5rem; white-space: nowrap; color: var(--soft); }
.checks .mark span { display: inline-block; width: 1.25em; }
.checks .warn .mark { color: var(--careful); font-weight: 600; }
.checks .refuse .mark { color: var(--bad); font-weight: 600; }
.checks .warn code, .checks .refuse code { font-weight: 600; }
.checks .ok p, .checks .skipped p { color: var(--soft); font-size: .9375rem; }
.checks .remedy { margin-top: .25rem; }
.checks table + details { margin-top: .5rem; }
summary { padding: .625rem 0; cursor: pointer; color: var(--soft); border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent, var(--ink)); outline-offset: 2px; }
details[open] > summary { border-bottom: 0; margin-bottom: .5rem; }

.command li + li { margin-top: 1rem; }
.command del, .command ins { display: block; padding: .25rem .75rem; text-decoration: none; background: var(--fill); white-space: pre-wrap; }
.command del { color: var(--soft); }
.command ins { border-left: 3px solid var(--ink); padding-left: calc(.75rem - 3px); }
.command .note { margin-top: .375rem; }

.identity dl div { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .375rem 0; border-top: 1px solid var(--line); }
.identity dt { width: 10rem; color: var(--soft); }
.identity dd { flex: 1 1 14rem; }

.all table { margin-top: 2.5rem; }
.all .note { display: block; }
.out li { padding: .625rem 0; border-top: 1px solid var(--line); }
.all .mood { color: var(--accent); }
.all th[scope=row] a { font-weight: 600; }
.all th.strip { min-width: 7rem; }
.all td.strip { width: 50%; vertical-align: middle; }
.all .figure { text-align: right; white-space: nowrap; }
.one + .one > summary { border-top: 0; }
.one > summary { color: var(--ink); }
.all + .one { margin-top: 3.5rem; }

@media (max-width: 34rem) {
  main { padding-top: 1rem; }
  article { margin-top: 2rem; }
  section { margin-top: 2.5rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  .sides thead td { display: none; }
  .sides tr { display: grid; grid-template-columns: 1fr 1fr; }
  .sides tbody th { grid-column: 1 / -1; padding-bottom: 0; font-size: .875rem; }
  .sides tbody td { border-top: 0; padding-top: 0; }
  .sides td[colspan] { grid-column: 1 / -1; }
  .checks .mark { width: 5.5rem; }
  .all tr { display: grid; grid-template-columns: 1fr auto; border-top: 1px solid var(--line); padding: .625rem 0; }
  .all thead tr { border-top: 0; padding-top: 0; }
  .all th, .all td { border-top: 0; padding: 0; }
  .all .strip { grid-column: 1 / -1; grid-row: 2; }
  .all td.strip { width: auto; padding-top: .375rem; }
  th, td { padding-right: .75rem; }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --fill: #fff; --bar: #777;
    --good: #0b6b5d; --careful: #8a5200; --bad: #b3261e; color-scheme: light;
  }
  @page { margin: 15mm; }
  html { font-size: 10pt; }
  body { font-size: inherit; }
  /* One VM, one page: the timeline has sizes in pixels. */
  main { max-width: none; padding: 0; zoom: .85; }
  article { margin-top: 1rem; }
  h2 .word { font-size: 2rem; }
  section, .error, .figures { margin-top: 1rem; }
  h3 { margin-bottom: .5rem; break-after: avoid; }
  th, td { padding-top: .3rem; padding-bottom: .3rem; }
  .command li + li, .command .note { margin-top: .25rem; }
  .identity dl div { padding: .2rem 0; }
  section, svg, tr, li, .figures { break-inside: avoid; }
  .checks, .out, .command { break-inside: auto; }
  summary { padding: .3rem 0; list-style: none; }
  svg * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; display: block; }
  .checks details table { display: none; }
  .one { break-before: page; }
  .one > summary { display: none; }
}
`;

/** The style sheet, for a `<style>` element. */
export const STYLES: Markup = Markup.trusted(CSS);
