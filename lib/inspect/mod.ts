/** What is in state files: decoded, drawn, compared, verified. @module */

export * from "./error.ts";
export * from "./extract_ram.ts";
export * from "./input.ts";
export * from "./inspection.ts";
export * from "./json.ts";
export * from "./select.ts";
export * from "./tree.ts";
export * from "./verify.ts";
