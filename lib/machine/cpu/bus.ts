/** Physical address of the first byte of guest RAM. */
export const RAM_BASE = 0x8000_0000;

/** Up to the end of the 32-bit physical address space. */
export const MAXIMUM_RAM = 0x8000_0000;

/** log2 of the page size of {@linkcode HartBus.dirty}. */
export const PAGE_BITS = 12;

/** Bytes of an access. */
export type Width = 1 | 2 | 4;

/** The bus of a hart. Addresses are unsigned 32-bit. */
export interface HartBus {
  /**
   * Guest RAM at {@linkcode RAM_BASE}, little-endian, which the hart accesses
   * directly. Size and offset in its buffer are multiples of 4.
   */
  readonly ram: Uint8Array;

  /** Set to 1 for each page of 4096 bytes of RAM that is written to. */
  readonly dirty?: Uint8Array;

  /**
   * Reads outside of RAM, at a multiple of the width.
   *
   * @returns the value as an integer of that width, signed or unsigned;
   * undefined if no device has the address
   */
  load(address: number, width: Width): number | undefined;

  /**
   * Writes outside of RAM; only the low bits that fit the width count.
   *
   * @returns false if no device has the address
   */
  store(address: number, width: Width, value: number): boolean;

  /** The high interrupt lines, as bits of the mip register. */
  interrupts(): number;

  /** The platform's mtime, for the time CSR. */
  time(): bigint;

  /** True after the guest has requested poweroff or reset. */
  readonly stopRequested: boolean;
}
