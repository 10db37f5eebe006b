/** Booleans, sizes and integers as QEMU's command line spells them. */

import { OptionValueError } from "./errors.ts";

const TRUE = new Set(["on", "yes", "true", "y"]);
const FALSE = new Set(["off", "no", "false", "n"]);

/**
 * Reads a boolean: on, yes, true, y or off, no, false, n.
 *
 * @throws {OptionValueError} for anything else
 */
export function parseBoolean(key: string, text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new OptionValueError(key, text, 'want "on" or "off"');
}

/** The unit of a size without a suffix. */
export type SizeUnit = "B" | "M";

const SUFFIXES = "BKMGTPE";

/**
 * Reads a size with an optional binary suffix (B, K, M, G, T, P, E in either
 * case) and, before a suffix larger than B, an optional fraction.
 *
 * @param unit what a size without a suffix counts: bytes or MiB
 * @returns bytes
 * @throws {OptionValueError} if the text is no size or exceeds 2^53 - 1
 */
export function parseSize(
  key: string,
  text: string,
  unit: SizeUnit = "B",
): number {
  const hexadecimal = /^0[xX]([0-9a-fA-F]+)([kKmMgGtTpP]?)$/.exec(text);
  const decimal = /^(\d+)(?:\.(\d*))?([bBkKmMgGtTpPeE]?)$/.exec(text);
  if (hexadecimal === null && decimal === null) {
    throw new OptionValueError(key, text, "want a size such as 64M or 1.5G");
  }
  const suffix = (hexadecimal?.[2] || decimal?.[3] || unit).toUpperCase();
  const scale = 1024n ** BigInt(SUFFIXES.indexOf(suffix));
  const whole = BigInt(
    hexadecimal === null ? decimal?.[1] ?? "" : `0x${hexadecimal[1]}`,
  );
  const fraction = decimal?.[2] ?? "";
  if (fraction !== "" && scale === 1n) {
    throw new OptionValueError(key, text, "a byte cannot be divided");
  }
  const parts = 10n ** BigInt(fraction.length);
  const rounded = (BigInt(`0${fraction}`) * scale + parts / 2n) / parts;
  const bytes = whole * scale + rounded;
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new OptionValueError(key, text, "larger than 2^53 - 1 bytes");
  }
  return Number(bytes);
}

/**
 * Reads an integer: decimal, hexadecimal with 0x, octal with a leading 0.
 *
 * @throws {OptionValueError} if the text is no integer or exceeds ±(2^53 - 1)
 */
export function parseInteger(key: string, text: string): number {
  const match = /^([+-]?)(?:(0[xX][0-9a-fA-F]+)|0([0-7]+)|(\d+))$/.exec(text);
  if (match === null) throw new OptionValueError(key, text, "want an integer");
  const [, sign, hexadecimal, octal, decimal] = match;
  if (decimal !== undefined && /^0\d/.test(decimal)) {
    throw new OptionValueError(key, text, "want an integer");
  }
  const magnitude = hexadecimal !== undefined
    ? Number(hexadecimal)
    : octal !== undefined
    ? Number.parseInt(octal, 8)
    : Number(decimal);
  if (!Number.isSafeInteger(magnitude)) {
    throw new OptionValueError(key, text, "larger than 2^53 - 1");
  }
  return sign === "-" && magnitude !== 0 ? -magnitude : magnitude;
}
