/** Typed answers to the questions that an update asks. */

export { ask, type Executor, type Query } from "./query.ts";
export * from "./block.ts";
export * from "./machine.ts";
export * from "./migration.ts";
export * from "./qom.ts";
