/** What may stand next on a command line. */

import { type InputCompletion, proposeCompletions } from "@stricli/core";
import { application } from "../application.ts";
import type { CliContext } from "../context.ts";
import { routes } from "../routes.ts";

/** A word, and what it does. */
export interface Proposal {
  readonly word: string;
  /** Empty where the word says it all. */
  readonly brief: string;
}

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
  const found = await proposeCompletions(
    application(context.process.debug),
    words,
    context,
  );
  return found.filter((it) => isWanted(it, words))
    .map(({ completion, brief }) => ({ word: completion, brief }));
}

function isWanted(
  { kind, completion }: InputCompletion,
  words: readonly string[],
): boolean {
  const typed = words.at(-1) ?? "";
  if (completion === "--" || !completion.startsWith(typed)) return false;
  // Where a file may stand, options are for those who ask for them.
  return kind !== "argument:flag" || typed.startsWith("-") ||
    !takesOperands(words[0]);
}

function takesOperands(command = ""): boolean {
  const target = routes.getRoutingTargetForInput(command);
  return target !== undefined && "parameters" in target &&
    target.parameters.positional !== undefined;
}
