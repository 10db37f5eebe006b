import { Random } from "../random.ts";

/**
 * Integers below a bound, the same ones for the same seed.
 *
 * @param seed any 32 bits
 */
export function seededRandom(seed: number): (bound: number) => number {
  const random = new Random(seed);
  return (bound) => random.bits() % bound;
}
