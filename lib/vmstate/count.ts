import type { Siblings } from "./codec.ts";
import { InvalidValue } from "./error.ts";

/** A number of elements: fixed, or the name of an earlier integer field. */
export type Count = number | string;

/**
 * The value of a count, given the fields loaded so far.
 *
 * @throws {InvalidValue} when the field is negative or not an integer
 */
export function countOf(count: Count, siblings: Siblings): number {
  const value = typeof count === "number" ? count : siblings[count];
  const number = typeof value === "bigint" ? Number(value) : value;
  if (
    typeof number !== "number" || !Number.isSafeInteger(number) || number < 0
  ) {
    throw new InvalidValue(`its count "${count}" is ${String(value)}`);
  }
  return number;
}
