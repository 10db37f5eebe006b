/** Reports as pages for a browser. */
export { type Origin, type PageDocument, renderPage } from "./page.ts";
export { type DiffPage, renderDiffPage } from "./diff_page.ts";
export type { Written } from "./shell.ts";
export { renderStatePage, type StatePage } from "./state_page.ts";
