/** Reports as pages for a browser. */
export { type Origin, renderPage } from "./page.ts";
export type { PageDocument, ReportList } from "./page.ts";
