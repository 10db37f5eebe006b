/** Compares the device state of two programs. @module */

export * from "./compare.ts";
export * from "./document.ts";
export * from "./dump.ts";
export * from "./dump_program.ts";
export * from "./finding.ts";
export * from "./in_use.ts";
export * from "./named_vm.ts";
