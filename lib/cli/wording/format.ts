/** Figures and paragraphs as a person reads them. */

import { unicodeWidth } from "@std/cli";

/** A duration: 0.4 ms, 91.3 ms, 1.25 s. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 999.95
    ? `${milliseconds.toFixed(1)} ms`
    : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A size in binary units: 512 B, 64 MiB, 1.5 GiB. */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** Columns of the longest text, or `least`; for any number of texts. */
export function columnsOf(texts: Iterable<string>, least = 0): number {
  let columns = least;
  for (const text of texts) columns = Math.max(columns, unicodeWidth(text));
  return columns;
}

/** The text with blanks behind it, so that it takes so many columns. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - unicodeWidth(text)));
}

/** The text with blanks before it, so that it takes so many columns. */
export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - unicodeWidth(text))) + text;
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
