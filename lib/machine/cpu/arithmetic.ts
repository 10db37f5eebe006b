/**
 * The integer operations of RV32I, M and A on 32-bit values. Operands are
 * taken as int32; results are int32.
 *
 * @module
 */

/** High word of the unsigned product. */
function mulhu(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + (aLow * bLow >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** The M extension by funct3. Division by zero is defined, and never traps. */
export function multiplyDivide(funct3: number, a: number, b: number): number {
  switch (funct3) {
    case 0:
      return Math.imul(a, b);
    case 1: // MULH
      return (mulhu(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
    case 2: // MULHSU: only a is signed
      return (mulhu(a, b) - (a < 0 ? b : 0)) | 0;
    case 3: // MULHU
      return mulhu(a, b);
    case 4: // DIV
      return b === 0 ? -1 : (a / b) | 0;
    case 5: // DIVU
      return b === 0 ? -1 : ((a >>> 0) / (b >>> 0)) | 0;
    case 6: // REM
      return b === 0 ? a : (a % b) | 0;
    default: // REMU
      return b === 0 ? a : ((a >>> 0) % (b >>> 0)) | 0;
  }
}

/**
 * OP and OP-IMM by funct3. `alternate` is bit 30 of the instruction: subtraction
 * instead of addition, an arithmetic shift instead of a logical one.
 */
export function integerOperation(
  funct3: number,
  alternate: boolean,
  a: number,
  b: number,
): number {
  switch (funct3) {
    case 0:
      return alternate ? (a - b) | 0 : (a + b) | 0;
    case 1:
      return a << (b & 31);
    case 2:
      return a < b ? 1 : 0;
    case 3:
      return (a >>> 0) < (b >>> 0) ? 1 : 0;
    case 4:
      return a ^ b;
    case 5:
      return alternate ? a >> (b & 31) : (a >>> (b & 31)) | 0;
    case 6:
      return a | b;
    default:
      return a & b;
  }
}

/** A branch's condition by funct3; undefined for the two that do not exist. */
export function branchTaken(
  funct3: number,
  a: number,
  b: number,
): boolean | undefined {
  switch (funct3) {
    case 0:
      return a === b;
    case 1:
      return a !== b;
    case 4:
      return a < b;
    case 5:
      return a >= b;
    case 6:
      return (a >>> 0) < (b >>> 0);
    case 7:
      return (a >>> 0) >= (b >>> 0);
    default:
      return undefined;
  }
}

/**
 * What an atomic memory operation stores, by funct5; undefined for those that
 * do not exist.
 */
export function atomicOperation(
  funct5: number,
  memory: number,
  operand: number,
): number | undefined {
  switch (funct5) {
    case 0x00:
      return (memory + operand) | 0;
    case 0x01:
      return operand;
    case 0x04:
      return memory ^ operand;
    case 0x08:
      return memory | operand;
    case 0x0c:
      return memory & operand;
    case 0x10:
      return Math.min(memory, operand);
    case 0x14:
      return Math.max(memory, operand);
    case 0x18:
      return Math.min(memory >>> 0, operand >>> 0) | 0;
    case 0x1c:
      return Math.max(memory >>> 0, operand >>> 0) | 0;
    default:
      return undefined;
  }
}
