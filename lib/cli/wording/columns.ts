/** Text in columns of a terminal, where a character may take two, or none. */

import { unicodeWidth } from "@std/cli";

/** Columns of the longest text, or `least`; for any number of texts. */
export function columnsOf(texts: Iterable<string>, least = 0): number {
  let columns = least;
  for (const text of texts) columns = Math.max(columns, unicodeWidth(text));
  return columns;
}

/** The text, with blanks behind it up to so many columns. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - unicodeWidth(text)));
}

/** The text, with blanks before it up to so many columns. */
export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - unicodeWidth(text))) + text;
}

/** As much of the text as so many columns hold. */
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
 * Rows whose cells stand below each other. The last cell of a row may be of any
 * length, and nothing is put behind it.
 *
 * @param right the columns whose cells end below each other, by number
 */
export function aligned(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[][] {
  // A call takes fewer arguments than there may be rows.
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

/** How a paragraph is laid out. */
export interface Layout {
  /** Columns. */
  readonly width: number;
  /** Columns of the first line that are taken already. */
  readonly lead: number;
  /** Columns that every other line leaves free. */
  readonly indent: number;
}

/**
 * A paragraph broken into lines; a word that is longer than a line stays
 * whole. The lead is not part of the result, so it may hold colours.
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
