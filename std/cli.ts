// The part of @std/cli that is used here. npm carries parseArgs as JavaScript
// without types. Its copy of unicodeWidth does not load, because deno-std 1.4.0
// leaves out the table of widths: get-east-asian-width has the same widths. With
// JSR at hand, map "@std/cli" in deno.json to the JSR package and delete this.
import { eastAsianWidth } from "get-east-asian-width";
// @ts-types="./parse_args.d.ts"
export { parseArgs } from "npm:deno-std@1.4.0/cli/parse_args.js";

/** Most texts: one column for each character. */
const ASCII = /^[ -~]*$/;
/** Marks that combine, formats, controls, and jamo that join the one before. */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u1160-\u11ff]$/u;

/**
 * The columns that a terminal needs for a text: none for a combining mark, two
 * for an East Asian wide character or an emoji.
 */
export function unicodeWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (ZERO_WIDTH.test(character)) continue;
    width += eastAsianWidth(character.codePointAt(0) ?? 0);
  }
  return width;
}
