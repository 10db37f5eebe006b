/** The integer registers by their ABI names, x0 first. */
const NAMES = [
  ..."zero ra sp gp tp t0 t1 t2 s0 s1".split(" "),
  ..."a0 a1 a2 a3 a4 a5 a6 a7".split(" "),
  ..."s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" "),
];

/** Number of a register. */
export function register(name: string): number {
  const number = NAMES.indexOf(name);
  if (number < 0) throw new RangeError(`No register "${name}"`);
  return number;
}
