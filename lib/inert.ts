/**
 * Escapes text for output. Names and messages may come from a hostile guest or
 * QEMU: in every output, control characters (C0, DEL and C1, with the eight-bit
 * escape sequences of terminals) and marks of the writing direction are shown
 * as codes.
 *
 * @module
 */

/** Also those that JSON and HTML do not escape. */
const ACTIVE =
  // deno-lint-ignore no-control-regex -- control characters are the point
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]/g;

/** A line of text for a terminal, or for HTML before HTML escaping. */
export function printable(text: string): string {
  return text.replaceAll(ACTIVE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * A JSON document with the same value. Active characters in strings are written
 * as `\uXXXX`; JSON itself escapes only C0.
 *
 * @param indent columns; 0 for one line
 */
export function inertJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replaceAll(
    ACTIVE,
    (character) =>
      character === "\n"
        ? character // between members; inside a string it is escaped already
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A whole JSON document for a person or a program, with its line feed. */
export function jsonText(value: unknown): string {
  return `${inertJson(value, 2)}\n`;
}

/** A copy of plain data with every text changed, except keys. */
export function mapTexts<Data>(
  data: Data,
  change: (text: string) => string,
): Data {
  return JSON.parse(
    JSON.stringify(data),
    (_key, value) => typeof value === "string" ? change(value) : value,
  );
}

/** Cuts a text that is too long. */
export function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
