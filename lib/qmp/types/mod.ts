/** Typed replies to the queries of an update. */

export { ask, type Executor, type Query } from "./query.ts";
export * from "./machine.ts";
