/** The guest: its program, and what it says of itself in RAM. @module */

export { STATUS, STATUS_WORD } from "./layout.ts";
export { guestProgram } from "./program.ts";
export { type GuestStatus, readGuestStatus } from "./status.ts";
