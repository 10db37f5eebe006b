/**
 * Text that does nothing to whoever reads it. Names and messages may have been
 * written by a hostile guest or QEMU: control characters (C0, DEL and C1, among
 * them the eight-bit escape sequences of a terminal) and the marks that turn
 * the direction of writing are shown as their codes, in every output.
 *
 * @module
 */

/** Those that JSON and HTML leave as they are, too. */
const ACTIVE =
  // deno-lint-ignore no-control-regex -- control characters are the point
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]/g;

/** Text of one line for a terminal, or for HTML before it is escaped there. */
export function printable(text: string): string {
  return text.replaceAll(ACTIVE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * A JSON document, the same value for a program that parses it. All active
 * characters stand inside strings, as `\uXXXX`: JSON itself escapes C0 alone.
 *
 * @param indent columns; none: everything on one line
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

/** A copy of plain data with every text in it, but for the keys, changed. */
export function mapTexts<Data>(
  data: Data,
  change: (text: string) => string,
): Data {
  return JSON.parse(
    JSON.stringify(data),
    (_key, value) => typeof value === "string" ? change(value) : value,
  );
}

/** The beginning of a text that is longer than it should be. */
export function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
