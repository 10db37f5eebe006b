/** CPR state, the registry of preserved descriptors, and the hand-over. @module */

export type { DuplicateOptions, Fd } from "../../ffi/fd.ts";
export type { FileStatus } from "../../ffi/file_status.ts";
export { CprError } from "./error.ts";
export * from "./handover.ts";
export * from "./registry.ts";
export * from "./state.ts";
export * from "./transfer.ts";
