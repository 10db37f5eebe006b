/** The guest: an assembler and the program made with it. @module */

export { Assembler, Label } from "./assembler.ts";
export * from "./layout.ts";
export { buildGuest, type GuestOptions } from "./program.ts";
export * from "./registers.ts";
