/** Looks for what would lose or refuse a VM, before anything is touched. @module */

export type { PreflightContext } from "./check.ts";
export { preflight, requireNoRefusal } from "./preflight.ts";
