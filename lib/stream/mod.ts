/** Big-endian byte reading and writing. @module */

export * from "./error.ts";
export * from "./sink.ts";
export * from "./source.ts";
