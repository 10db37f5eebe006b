import { InvalidValue } from "../../vmstate/mod.ts";

/**
 * Refuses a loaded value with bits that are always clear in hardware.
 *
 * @throws {InvalidValue} naming the field
 */
export function requireClear(name: string, value: number, bits: number): void {
  if ((value & bits) === 0) return;
  throw new InvalidValue(
    `"${name}" is ${hex(value)} and cannot have bits ${hex(value & bits)}`,
  );
}

/**
 * Refuses a loaded value unless `holds`.
 *
 * @throws {InvalidValue} naming the field
 */
export function requireThat(
  holds: boolean,
  name: string,
  value: number | bigint | null,
  detail: string,
): void {
  if (holds) return;
  throw new InvalidValue(`"${name}" is ${value} and must be ${detail}`);
}

/**
 * Refuses a loaded value above a limit.
 *
 * @throws {InvalidValue} naming the field
 */
export function requireAtMost(
  name: string,
  value: number,
  limit: number,
): void {
  requireThat(value <= limit, name, value, `at most ${limit}`);
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
