/** What may stand next on a command line. */

import { type CliContext, isRaw } from "../command.ts";
import { type Proposal, proposeWords } from "../stricli.ts";

/**
 * Words that may stand in the place of the last one, which is what has been
 * typed of it. None means that it is for the shell to complete, as the name of
 * a file is.
 *
 * @param words those after `cprctl`
 */
export async function propose(
  words: readonly string[],
  context: CliContext,
): Promise<readonly Proposal[]> {
  const typed = words.at(-1) ?? "";
  const command = context.program.commands.find(({ name }) =>
    name === words[0]
  );
  // Where a file or a command may stand, options are for those who ask for them.
  const wantsOptions = typed.startsWith("-") ||
    command !== undefined && !isRaw(command) && command.operands.length === 0;
  const found = await proposeWords(words, context);
  return found.filter(({ word, isOption }) =>
    word !== "--" && word.startsWith(typed) && (wantsOptions || !isOption)
  );
}
