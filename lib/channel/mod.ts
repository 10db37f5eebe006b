/** Migration channels, and their addresses. @module */

export type { Fd } from "../../ffi/fd.ts";
export * from "./address.ts";
export * from "./channel.ts";
export * from "./error.ts";
