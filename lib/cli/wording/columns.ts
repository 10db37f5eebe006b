/** Text in terminal columns; a character may have a width of 0, 1 or 2. */

import { unicodeWidth } from "@std/cli";

/** The width of the widest text. */
export function columnsOf(texts: Iterable<string>): number {
  let columns = 0;
  for (const text of texts) columns = Math.max(columns, unicodeWidth(text));
  return columns;
}

/** The text, padded at its end to so many columns. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - unicodeWidth(text)));
}

/** The text, padded at its start to so many columns. */
export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - unicodeWidth(text))) + text;
}

/** The text, cut to so many columns. */
export function cut(text: string, columns: number): string {
  let end = 0;
  let left = columns;
  for (const character of text) {
    left -= unicodeWidth(character);
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/**
 * Rows with aligned cells. The last cell of a row may have any length, and is
 * not padded.
 *
 * @param right the numbers of the columns that are aligned to the right
 */
export function aligned(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[][] {
  // Math.max() has a limit of arguments.
  const count = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from(
    { length: count },
    (_, at) => columnsOf(rows.map((row) => row[at] ?? "")),
  );
  return rows.map((row) =>
    row.map((cell, at) => {
      if (right.includes(at)) return padStart(cell, widths[at] ?? 0);
      return at === count - 1 ? cell : padEnd(cell, widths[at] ?? 0);
    })
  );
}

/** The layout of a paragraph. */
export interface Layout {
  /** Columns. */
  readonly width: number;
  /** Used columns of the first line. */
  readonly lead: number;
  /** Indent of all other lines. */
  readonly indent: number;
}

/**
 * Wraps a paragraph; a word that is longer than a line is not broken. The lead
 * is not part of the result, so it may contain colours.
 */
export function wrap(text: string, { width, lead, indent }: Layout): string {
  let result = "";
  let column = lead;
  for (const word of text.split(" ")) {
    const columns = unicodeWidth(word);
    if (result === "") {
      result = word;
      column += columns;
    } else if (column + 1 + columns > width) {
      result += `\n${" ".repeat(indent)}${word}`;
      column = indent + columns;
    } else {
      result += ` ${word}`;
      column += 1 + columns;
    }
  }
  return result;
}
