/** Typed answers to the questions that an update asks. */

export { ask, type Executor, type Query } from "./query.ts";
export * from "./machine.ts";
