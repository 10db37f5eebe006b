/**
 * The six instruction formats of RV32, each from its fields to its word.
 *
 * ```
 *  31        25 24   20 19   15 14  12 11    7 6      0
 *  │  funct7   │  rs2  │  rs1  │funct3│  rd   │opcode │  R
 *  │    imm[11:0]      │  rs1  │funct3│  rd   │opcode │  I
 *  │ imm[11:5] │  rs2  │  rs1  │funct3│im[4:0]│opcode │  S
 *  │im[12|10:5]│  rs2  │  rs1  │funct3│4:1|11 │opcode │  B
 *  │              imm[31:12]          │  rd   │opcode │  U
 *  │       imm[20|10:1|11|19:12]      │  rd   │opcode │  J
 * ```
 *
 * Every word is an unsigned 32-bit number.
 *
 * @module
 */

import type { Register } from "./registers.ts";

/** @throws {RangeError} when `value` is not a signed integer of `bits` bits */
function requireSigned(value: number, bits: number, multiple: number): void {
  const limit = 2 ** (bits - 1);
  const fits = Number.isInteger(value / multiple) && value >= -limit &&
    value < limit;
  if (fits) return;
  throw new RangeError(
    `Cannot encode "${value}": not a multiple of ${multiple} in ` +
      `${bits} signed bits`,
  );
}

/** @throws {RangeError} when `value` is not in 0 … 2^`bits` - 1 */
export function requireUnsigned(value: number, bits: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return;
  throw new RangeError(`Cannot encode "${value}": not in ${bits} bits`);
}

export function formatR(
  opcode: number,
  funct3: number,
  funct7: number,
  rd: Register,
  rs1: Register,
  rs2: Register,
): number {
  return (funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 |
    opcode) >>> 0;
}

/** @throws {RangeError} when the immediate does not fit 12 signed bits */
export function formatI(
  opcode: number,
  funct3: number,
  rd: Register,
  rs1: Register,
  immediate: number,
): number {
  requireSigned(immediate, 12, 1);
  return (immediate << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode) >>> 0;
}

/** @throws {RangeError} when the immediate does not fit 12 signed bits */
export function formatS(
  opcode: number,
  funct3: number,
  rs1: Register,
  rs2: Register,
  immediate: number,
): number {
  requireSigned(immediate, 12, 1);
  return (immediate >> 5 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
    (immediate & 31) << 7 | opcode) >>> 0;
}

/** @throws {RangeError} when the distance is odd or beyond 4 KiB */
export function formatB(
  opcode: number,
  funct3: number,
  rs1: Register,
  rs2: Register,
  distance: number,
): number {
  requireSigned(distance, 13, 2);
  return (distance >> 12 << 31 | (distance >> 5 & 0x3f) << 25 | rs2 << 20 |
    rs1 << 15 | funct3 << 12 | (distance >> 1 & 0xf) << 8 |
    (distance >> 11 & 1) << 7 | opcode) >>> 0;
}

/** @throws {RangeError} when the upper part does not fit 20 bits */
export function formatU(opcode: number, rd: Register, upper: number): number {
  requireUnsigned(upper, 20);
  return (upper << 12 | rd << 7 | opcode) >>> 0;
}

/** @throws {RangeError} when the distance is odd or beyond 1 MiB */
export function formatJ(
  opcode: number,
  rd: Register,
  distance: number,
): number {
  requireSigned(distance, 21, 2);
  return (distance >> 20 << 31 | (distance >> 1 & 0x3ff) << 21 |
    (distance >> 11 & 1) << 20 | (distance >> 12 & 0xff) << 12 | rd << 7 |
    opcode) >>> 0;
}
