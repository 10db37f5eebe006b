/** The guest: an assembler and the program made with it. @module */

export { Assembler, Label } from "./assembler.ts";
export * from "./registers.ts";
