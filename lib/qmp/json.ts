/**
 * JSON with the 64-bit integers of QMP.
 *
 * QEMU sends values such as 9223372036854775807, which a JavaScript number
 * cannot represent. Therefore an integer outside ±(2^53 - 1) is a bigint, in
 * both directions; every other number is a number. An integer of more than 64
 * bits is a number, as in QEMU. A number that overflows, such as 1e400, is
 * refused.
 *
 * @module
 */

/** Any value in a QMP message. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Json[]
  | { [key: string]: Json };

/** A JSON object; own properties only. */
export type JsonObject = { [key: string]: Json };

/**
 * Whether a value is a JSON object, not null or an array.
 *
 * @example
 * ```ts
 * import { isObject, parseJson } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const message = parseJson('{"return": {}}');
 * assertEquals(isObject(message) && message["return"], {});
 * ```
 */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** TC39 "JSON.parse source text access", which TypeScript has no types for. */
const sourceTextJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: Json, context: { source?: string }) => Json,
  ): Json;
  rawJSON(text: string): object;
};

/** Sixteen digits, or an exponent of three. */
const LARGE_NUMBER = /\d{16}|\d[eE]\+?\d{3}/;
const INTEGER = /^-?\d+$/;
const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;
/** Digits of 2^64 and a sign; anything longer is out of range. */
const LONGEST_INTEGER = 21;

/**
 * Parses one JSON text.
 *
 * @throws {SyntaxError} if it is not JSON, or has a number that overflows
 *
 * @example
 * ```ts
 * import { parseJson } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseJson("[1, 9223372036854775807]"), [1, 2n ** 63n - 1n]);
 * ```
 */
export function parseJson(text: string): Json {
  // Parsing with a reviver is ten times slower; few messages need it.
  if (!LARGE_NUMBER.test(text)) return JSON.parse(text);
  return sourceTextJson.parse(text, (_key, value, { source }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    if (!Number.isFinite(value)) throw new SyntaxError("Number is too large");
    if (source === undefined || source.length > LONGEST_INTEGER) return value;
    if (!INTEGER.test(source)) return value;
    const exact = BigInt(source);
    return exact >= LEAST && exact <= MOST ? exact : value;
  });
}

/**
 * Formats a value as JSON text on one line.
 *
 * @throws {TypeError} for NaN and infinities
 *
 * @example
 * ```ts
 * import { stringifyJson } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(stringifyJson({ id: 2n ** 63n }), '{"id":9223372036854775808}');
 * ```
 */
export function stringifyJson(value: Json): string {
  return JSON.stringify(value, (key, item: Json) => {
    if (typeof item === "bigint") return sourceTextJson.rawJSON(`${item}`);
    if (typeof item === "number" && !Number.isFinite(item)) {
      throw new TypeError(`Cannot write ${item} of "${key}" as JSON`);
    }
    return item;
  });
}
