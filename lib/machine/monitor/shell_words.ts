/** A quote is not closed. */
export class UnbalancedQuote extends Error {
  override readonly name = "UnbalancedQuote";
}

/**
 * Splits text into words as a shell does: blanks separate words, single quotes
 * keep everything, double quotes keep all but `\"` and `\\`, and a backslash
 * outside of quotes keeps the next character. Nothing is expanded.
 *
 * @throws {UnbalancedQuote} when a quote is left open
 *
 * @example
 * ```ts
 * import { shellWords } from "./shell_words.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(shellWords(`sh -c 'exec "$@"' a\\ b`), [
 *   "sh",
 *   "-c",
 *   'exec "$@"',
 *   "a b",
 * ]);
 * ```
 */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    const next = text.charAt(index + 1);
    if (quote !== "") {
      if (character === quote) quote = "";
      else if (quote === '"' && character === "\\" && `"\\`.includes(next)) {
        word = (word ?? "") + next;
        index++;
      } else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === "\\") {
      word = (word ?? "") + next;
      index++;
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw new UnbalancedQuote(`Quote ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}
