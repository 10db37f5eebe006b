/** CPR state, the registry of preserved descriptors, and the hand-over. @module */

export { CprError } from "./error.ts";
export * from "./handover.ts";
export * from "./registry.ts";
export * from "./state.ts";
