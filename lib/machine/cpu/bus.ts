/** Physical address of the first byte of guest RAM. */
export const RAM_BASE = 0x8000_0000;

/** RAM reaches to the end of the 32-bit physical address space at most. */
export const MAXIMUM_RAM = 0x8000_0000;

/** Bytes that one access moves. */
export type Width = 1 | 2 | 4;

/** The machine as one hart sees it. Addresses are unsigned 32-bit. */
export interface HartBus {
  /**
   * Guest RAM at {@linkcode RAM_BASE}, little-endian; the hart works on these
   * bytes directly. A multiple of 4 bytes, at a multiple of 4.
   */
  readonly ram: Uint8Array;

  /**
   * Reads outside of RAM; the address is a multiple of the width.
   *
   * @returns the value as an integer of that width, of either sign, or
   * undefined when nothing answers
   */
  load(address: number, width: Width): number | undefined;

  /**
   * Writes outside of RAM; only the low bits that fit the width count.
   *
   * @returns false when nothing answers
   */
  store(address: number, width: Width, value: number): boolean;

  /** Interrupt lines that are high now, as bits of the mip register. */
  interrupts(): number;

  /** The platform's mtime, which the time CSR shows. */
  time(): bigint;

  /** True once the guest asked for poweroff or reset. */
  readonly stopRequested: boolean;
}
