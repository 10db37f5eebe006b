/** What the guest keeps besides its status; guest.s has the same. */

import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import { AUX_RAM } from "../../../lib/machine/devices/mod.ts";

/** The counters again, complemented. */
export const SHADOW = RAM_BASE + 0x5000;
export const CANARY_ADDRESS = RAM_BASE + 0x1_0000;
export const CANARY_SIZE = 0x8000;
export const AUX_CANARY_ADDRESS = AUX_RAM.base;
export const AUX_CANARY_SIZE = 0x800;
/** The copy of the ticks in auxiliary RAM. */
export const AUX_TICKS_ADDRESS = AUX_RAM.base + AUX_CANARY_SIZE;

/** Least RAM that the program runs in. */
export const GUEST_RAM = CANARY_ADDRESS + CANARY_SIZE - RAM_BASE;

/** Guest time from tick to tick. */
export const TICK_NANOSECONDS = 10_000_000n;

/** What is in the status word "ready" once everything is set up. */
export const GUEST_READY = 0x7265_6479;

/** Codes of errors: what the program found wrong with its machine. */
export const GUEST_ERRORS = [
  "none",
  "canary",
  "counter",
  "ticks",
  "auxRam",
  "digest",
  "digestEngine",
  "trap",
];

/** The canary's word at a physical address, as int32. */
export function canaryWord(address: number): number {
  return Math.imul(address, 0x9e37_79b1) ^ 0x5bd1_e995;
}
