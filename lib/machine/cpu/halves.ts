/**
 * The two registers of 32 bits in which a hart of 32 bits sees one of 64.
 *
 * @module
 */

/** Bits 0 to 31. */
export function lowHalf(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

/** Bits 32 to 63. */
export function highHalf(value: bigint): number {
  return Number(value >> 32n);
}

/** The value with other bits 0 to 31. */
export function withLow(value: bigint, low: number): bigint {
  return value >> 32n << 32n | BigInt(low >>> 0);
}

/** The value with other bits 32 to 63. */
export function withHigh(value: bigint, high: number): bigint {
  return BigInt(high >>> 0) << 32n | value & 0xffff_ffffn;
}
