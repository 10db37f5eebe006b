/** Reports as pages for a browser. */
export { type Origin, type PageDocument, renderPage } from "./page.ts";
