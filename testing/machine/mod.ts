/** Embedded machines as processes, and what can be seen of them. @module */

export * from "./bench.ts";
export * from "./captured.ts";
export * from "./damage.ts";
export * from "./deadline.ts";
export * from "./each_of.ts";
export * from "./guest.ts";
export * from "./lab.ts";
export * from "./migrations.ts";
export * from "./process.ts";
export * from "./random.ts";
export * from "./vm.ts";
export * from "../program/descriptors.ts";
