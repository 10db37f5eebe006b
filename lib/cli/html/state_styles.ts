/** The styles that only pages about saved states have. */

import { Markup } from "./markup.ts";

const CSS = `
@media screen { main:has(.state) { max-width: 56rem; } }
.state { --memory: #46617a; --devices: var(--accent); --soft-fill: var(--line); }
@media (prefers-color-scheme: dark) { .state { --memory: #86a5bf; } }
.state h2 .word { font-size: clamp(1.75rem, 7vw, 2.75rem); text-wrap: balance; }
svg.stack rect { fill: var(--line); height: 14px; }
svg.stack .memory { fill: var(--memory); }
svg.stack .devices { fill: var(--devices); }
svg.stack .description { fill: var(--bar); }
svg.stack .zeros { fill: var(--bar); fill-opacity: .45; }
svg.stack .unread { fill: var(--bad); }
.parts ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin-top: .75rem; font-size: .9375rem; }
.key { display: inline-block; width: .625rem; height: .625rem; margin-right: .5rem; background: var(--line); }
.key.memory { background: var(--memory); }
.key.devices { background: var(--devices); }
.key.description { background: var(--bar); }
.key.unread { background: var(--bad); }
.state .figure { text-align: right; white-space: nowrap; }
.memory td.pages { width: 45%; }
.memory td .note { display: block; }
.memory svg.stack { margin: .5rem 0 .25rem; height: 8px; }
.memory svg.stack rect { height: 8px; }

.sections summary, .changes summary, .changes .row {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .5rem;
  color: var(--ink); border-bottom: 0;
}
.sections summary::before, .changes summary::before { content: "›"; width: .625rem; color: var(--soft); transition: none; }
.sections details[open] > summary::before, .changes details[open] > summary::before { content: "⌄"; }
.state .size { margin-left: auto; color: var(--soft); white-space: nowrap; }
.sections .size {
  min-width: 15rem; text-align: right; font-weight: 400;
  background: linear-gradient(var(--bar), var(--bar)) left / calc(var(--share) * .6) 8px no-repeat;
}
.sections details[open] > summary { font-weight: 600; margin-bottom: .75rem; }
.sections details[open] { padding-bottom: 1.25rem; }
.fields { margin-top: .5rem; font-size: .875rem; }
.fields div { display: grid; grid-template-columns: 22rem 1fr; gap: 0 1rem; padding: .1875rem 0; border-top: 1px solid var(--fill); }
.fields dt { padding-left: calc(var(--depth) * 1.125rem); }
.fields dd { color: var(--soft); }
.fields code { color: var(--ink); font-size: .8125rem; white-space: pre-wrap; }
.changes details[open] > summary { margin-bottom: 0; }
.changes details { margin-bottom: 1.5rem; }
.changes .name { font-weight: 600; }
.changes details table { font-size: .875rem; table-layout: fixed; }
.changes details th, .changes details td { padding-top: .375rem; padding-bottom: .375rem; border-top-color: var(--fill); }
.changes details thead { display: none; }
.changes .note { display: block; }
.changes tbody th code, .changes td:nth-of-type(1) code, .hex { color: var(--soft); }
.changes .row { padding: .625rem 0 .625rem .625rem; border-top: 1px solid var(--line); }
.changes summary .note, .changes .row .note { display: inline; }
.changes .added .name { color: var(--good); }
.changes .removed .name { color: var(--bad); }
.more { margin-top: 1rem; }
@media print {
  .sections .size { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  /* What is folded on the screen is not printed: it would be hundreds of pages. */
  .sections details:not([open])::details-content { display: none; }
}
@media (max-width: 34rem) {
  .sections .size { min-width: 8rem; background-size: calc(var(--share) * .35) 8px; }
  .fields div { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
  .fields dt { padding-left: calc(var(--depth) * .625rem); }
  .memory td.pages { width: 40%; }
  .changes details tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; padding: .375rem 0; border-top: 1px solid var(--line); }
  .changes details th, .changes details td { border-top: 0; padding: .125rem 0; }
  .changes details th, .changes td[colspan] { grid-column: 1 / -1; }
}
`;

/** The style sheet, for a `<style>` element. */
export const STATE_STYLES: Markup = Markup.trusted(CSS);
