declare const isRegister: unique symbol;

/** Number of an integer register, kept apart from other numbers. */
export type Register = number & { readonly [isRegister]: true };

const register = (number: number) => number as Register;

/** The integer registers by their ABI names. */
export const zero = register(0);
export const ra = register(1);
export const sp = register(2);
export const gp = register(3);
export const tp = register(4);
export const t0 = register(5);
export const t1 = register(6);
export const t2 = register(7);
export const s0 = register(8);
export const s1 = register(9);
export const a0 = register(10);
export const a1 = register(11);
export const a2 = register(12);
export const a3 = register(13);
export const a4 = register(14);
export const a5 = register(15);
export const a6 = register(16);
export const a7 = register(17);
export const s2 = register(18);
export const s3 = register(19);
export const s4 = register(20);
export const s5 = register(21);
export const s6 = register(22);
export const s7 = register(23);
export const s8 = register(24);
export const s9 = register(25);
export const s10 = register(26);
export const s11 = register(27);
export const t3 = register(28);
export const t4 = register(29);
export const t5 = register(30);
export const t6 = register(31);

/**
 * Register x0 … x31 by its number.
 *
 * @throws {RangeError} when there is no such register
 */
export function x(number: number): Register {
  if (!Number.isInteger(number) || number < 0 || number > 31) {
    throw new RangeError(`No register x${number}`);
  }
  return register(number);
}
