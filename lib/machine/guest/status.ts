/**
 * The status that the guest program keeps in its RAM.
 *
 * ```
 * 8000_0000  code
 * 8000_4000  status: the words below, little-endian
 * 8000_5000  shadow: the same counters again, complemented
 * 8000_6000  ring of received characters
 * 8000_8000  top of the stack
 * 8001_0000  canary, 8 pages
 * ```
 *
 * Auxiliary RAM has a canary of its own and one more copy of the ticks.
 *
 * @module
 */

import { RAM_BASE } from "../cpu/mod.ts";

/** First byte of the status page. */
export const STATUS = RAM_BASE + 0x4000;

/** Offsets in the status page; guest.s has the same. */
export const STATUS_WORD = {
  /** 0x72656479 once the program has set everything up. */
  ready: 0x00,
  /** 64 bits, low word first: increments all the time. */
  counter: 0x08,
  /** Timer ticks handled. */
  ticks: 0x10,
  /** Timer interrupts taken. */
  timerTicks: 0x14,
  /** The first error; 0 when there was none. */
  error: 0x18,
  /** What the error is about: an address, a value, or a trap's cause. */
  errorDetail: 0x1c,
  /** Digests of the canary that were right. */
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

/** What the guest program says of itself in its RAM. */
export interface GuestStatus {
  /** Counts all the time, 64 bits. */
  readonly counter: bigint;
  /** Timer ticks handled, one every 10 ms of guest time. */
  readonly ticks: number;
  /** 0, or what it found wrong: E_... in guest.s. */
  readonly error: number;
}

/** Reads the guest's status page, little-endian, from the bytes of its RAM. */
export function readGuestStatus(ram: Uint8Array): GuestStatus {
  const start = ram.byteOffset + STATUS - RAM_BASE;
  const status = new DataView(ram.buffer, start);
  return {
    counter: status.getBigUint64(STATUS_WORD.counter, true),
    ticks: status.getUint32(STATUS_WORD.ticks, true),
    error: status.getUint32(STATUS_WORD.error, true),
  };
}
