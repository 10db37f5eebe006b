import { IMAGE } from "./image.ts";

/** The guest program; it belongs at the start of RAM, where the hart starts. */
export function guestProgram(): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(IMAGE);
}
