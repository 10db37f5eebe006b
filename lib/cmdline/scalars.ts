/** Booleans, sizes and integers as QEMU's command line spells them. */

import { OptionValueError } from "./errors.ts";

const TRUE = new Set(["on", "yes", "true", "y"]);
const FALSE = new Set(["off", "no", "false", "n"]);

/**
 * Parses a boolean: on, yes, true, y or off, no, false, n.
 *
 * @param key named by the error
 * @throws {OptionValueError} for anything else
 *
 * @example
 * ```ts
 * import { parseBoolean } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseBoolean("share", "on"), true);
 * ```
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
 * Parses a size with an optional binary suffix (B, K, M, G, T, P, E in either
 * case) and, before a suffix larger than B, an optional fraction.
 *
 * @param key named by the error
 * @param unit the unit of a size without a suffix: bytes or MiB
 * @returns bytes
 * @throws {OptionValueError} if the text is not a size or exceeds 2^53 - 1
 *
 * @example
 * ```ts
 * import { parseSize } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseSize("size", "1.5G"), 1_610_612_736);
 * assertEquals(parseSize("size", "512", "M"), 536_870_912);
 * ```
 */
export function parseSize(
  key: string,
  text: string,
  unit: SizeUnit = "B",
): number {
  const hexadecimal = /^0[xX]([0-9a-fA-F]+)([kKmMgGtTpP]?)$/.exec(text);
  const decimal = /^(\d+)(?:\.(\d*))?([bBkKmMgGtTpPeE]?)$/.exec(text);
  if (hexadecimal === null && decimal === null) {
    throw new OptionValueError(
      key,
      text,
      "expected a size such as 64M or 1.5G",
    );
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
 * Parses an integer: decimal, hexadecimal with 0x, octal with a leading 0.
 *
 * @param key named by the error
 * @throws {OptionValueError} if the text is not an integer or exceeds
 * ±(2^53 - 1)
 *
 * @example
 * ```ts
 * import { parseInteger } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseInteger("offset", "0x1000"), 4096);
 * assertEquals(parseInteger("mode", "0600"), 384);
 * ```
 */
export function parseInteger(key: string, text: string): number {
  const match = /^([+-]?)(?:(0[xX][0-9a-fA-F]+)|0([0-7]+)|(0|[1-9]\d*))$/.exec(
    text,
  );
  if (match === null) {
    throw new OptionValueError(key, text, "expected an integer");
  }
  const [, sign, hexadecimal, octal, decimal] = match;
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
