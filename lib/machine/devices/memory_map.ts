/**
 * The guest's physical address space, and the interrupts of its devices.
 *
 * ```
 * 0010_0000  finisher      poweroff and reset
 * 0200_0000  CLINT         software and timer interrupts
 * 0c00_0000  PLIC          external interrupts
 * 1000_0000  UART          PLIC source 1
 * 1000_1000  digest engine PLIC source 2
 * 4000_0000  auxiliary RAM
 * 8000_0000  RAM
 * ```
 *
 * @module
 */

interface Region {
  /** Physical address. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
}

export const FINISHER: Region = { base: 0x0010_0000, size: 0x1000 };
export const CLINT: Region = { base: 0x0200_0000, size: 0x1_0000 };
export const PLIC: Region = { base: 0x0c00_0000, size: 0x40_0000 };
export const UART: Region = { base: 0x1000_0000, size: 8 };
export const DIGEST: Region = { base: 0x1000_1000, size: 0x1000 };

/** RAM that belongs to the board, not to a memory backend. */
export const AUX_RAM: Region = { base: 0x4000_0000, size: 0x1000 };

/** PLIC source of the UART. */
export const UART_SOURCE = 1;
/** PLIC source of the digest engine. */
export const DIGEST_SOURCE = 2;

/** Rate of mtime. */
export const TICKS_A_SECOND = 10_000_000;
