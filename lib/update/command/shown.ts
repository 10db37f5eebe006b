import { redactedWord } from "../../cmdline/mod.ts";

/** Words that a shell takes as they are. */
const PLAIN = /^[\w%+,.:=@/-]+$/;

/** Words as they would be typed into a shell, but for secrets in them. */
export function shown(words: readonly string[]): string {
  return words.map(redactedWord).map(quoted).join(" ");
}

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
