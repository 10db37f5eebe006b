import { RAM_BASE } from "../cpu/mod.ts";
import { STATUS, STATUS_WORD } from "./layout.ts";

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
