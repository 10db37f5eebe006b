/** Where migration streams go to and come from. @module */

export * from "./address.ts";
export * from "./error.ts";
export * from "./file.ts";
