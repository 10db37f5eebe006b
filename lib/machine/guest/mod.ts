/** The guest: its program, and what it says of itself in RAM. @module */

export * from "./program.ts";
export * from "./status.ts";
