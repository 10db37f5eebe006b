/** Compares the device state of two programs. @module */

export * from "./compare.ts";
export * from "./finding.ts";
export * from "./dump.ts";
export * from "./dump_program.ts";
export * from "./in_use.ts";
