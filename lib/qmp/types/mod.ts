/** Typed replies to the queries of an update. */

export * from "./machine.ts";
