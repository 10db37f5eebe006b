/** Migration channels: their addresses, and files. @module */

export * from "./address.ts";
export * from "./error.ts";
export * from "./file.ts";
