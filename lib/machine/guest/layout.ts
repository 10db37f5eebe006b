/**
 * Where the guest program keeps what can be looked at from outside.
 *
 * ```
 * 8000_0000  code
 * 8000_4000  status: the words below, little-endian
 * 8000_5000  shadow: the same counters once more, complemented
 * 8000_6000  ring of received characters
 * 8000_8000  top of the stack
 * 8001_0000  canary, 8 pages
 * ```
 *
 * The auxiliary RAM has a canary of its own and one more copy of the ticks.
 *
 * @module
 */

import { RAM_BASE } from "../cpu/mod.ts";
import { AUX_RAM } from "../devices/mod.ts";

/** First byte of the status page. */
export const STATUS = RAM_BASE + 0x4000;
/** First byte of the shadow page. */
export const SHADOW = RAM_BASE + 0x5000;
/** First byte of the ring: two counters, then the characters. */
export const RING = RAM_BASE + 0x6000;
export const STACK_TOP = RAM_BASE + 0x8000;

/** Offsets in the status page. */
export const STATUS_WORD = {
  /** {@linkcode GUEST_READY} once the program has set everything up. */
  ready: 0x00,
  /** 64 bits, low word first: increments all the time. */
  counter: 0x08,
  /** Timer ticks worked off. */
  ticks: 0x10,
  /** Timer ticks that came. */
  timerTicks: 0x14,
  /** The first error, see {@linkcode GUEST_ERROR}. */
  error: 0x18,
  /** What the error is about: an address, or a trap's cause. */
  errorDetail: 0x1c,
  /** Digests of the canary that came back right. */
  digests: 0x20,
  /** Characters sent back. */
  echoed: 0x24,
  /** Not 0: count between ticks too instead of waiting. */
  busy: 0x28,
  /** Ticks from one line on the serial port to the next. */
  printEvery: 0x2c,
  /** Where the digest engine puts its result, and what it must be. */
  digestResult: 0x30,
  digestExpected: 0x34,
} as const;

export const GUEST_READY = 0x7265_6479;

/** Physical addresses for an observer. */
export const COUNTER_ADDRESS = STATUS + STATUS_WORD.counter;
export const TICKS_ADDRESS = STATUS + STATUS_WORD.ticks;
export const ERROR_ADDRESS = STATUS + STATUS_WORD.error;
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

/** What the program found wrong with its machine. */
export const GUEST_ERROR = {
  none: 0,
  /** A word of the canary in RAM is not what it must be. */
  canary: 1,
  /** Counter in RAM, in registers and in the shadow page disagree. */
  counter: 2,
  /** Ticks in RAM, in a register and in the shadow page disagree. */
  ticks: 3,
  /** The canary or the ticks in auxiliary RAM are not what they must be. */
  auxRam: 4,
  /** The digest engine read another canary than the hart wrote. */
  digest: 5,
  /** The digest engine refused a request. */
  digestEngine: 6,
  /** A trap that nothing here can cause. */
  trap: 7,
} as const;

/** Multiplier and mask of the canary. */
export const CANARY_MULTIPLIER = 0x9e37_79b1;
export const CANARY_MASK = 0x5bd1_e995;

/** The canary's word at a physical address, as int32. */
export function canaryWord(address: number): number {
  return Math.imul(address, CANARY_MULTIPLIER) ^ CANARY_MASK;
}
