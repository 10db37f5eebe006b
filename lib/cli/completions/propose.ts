/** Proposes words for completion. */

import { type CliContext, isRaw } from "../command.ts";
import { type Proposal, proposeWords } from "../stricli.ts";

/**
 * Proposes words to complete the last one. An empty list means that the shell
 * completes it, for example as a file name.
 *
 * @param words the words after `cprctl`
 */
export async function propose(
  words: readonly string[],
  context: CliContext,
): Promise<readonly Proposal[]> {
  const typed = words.at(-1) ?? "";
  const command = context.program.commands.find(({ name }) =>
    name === words[0]
  );
  if (command !== undefined && isRaw(command)) {
    // After the dashes follows a command line of something else.
    if (!typed.startsWith("-") || words.slice(0, -1).includes("--")) return [];
    return optionsOf(await command.help(), typed);
  }
  // In place of a file or a command, propose options only after a dash.
  const wantsOptions = typed.startsWith("-") ||
    command !== undefined && command.operands.length === 0;
  const found = await proposeWords(words, context);
  return found.filter(({ word, isOption }) =>
    word !== "--" && word.startsWith(typed) && (wantsOptions || !isOption)
  );
}

/** The options at the beginning of lines of a help. */
function optionsOf(help: string, typed: string): Proposal[] {
  const terms = help.matchAll(/^ {2}(?:-\w, )?(--?[a-z][\w-]*)/gm);
  return [...new Set([...terms].map(([, word = ""]) => word))]
    .filter((word) => word.startsWith(typed))
    .map((word) => ({ word, brief: "", isOption: true }));
}
