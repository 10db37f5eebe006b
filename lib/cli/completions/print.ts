import type { CliContext } from "../command.ts";
import { printable } from "../../inert.ts";
import { propose } from "./propose.ts";

/** Prints the proposals: on each line a word, a tab, and its meaning. */
export async function printProposals(
  words: readonly string[],
  context: CliContext,
): Promise<number> {
  for (const { word, brief } of await propose(words, context)) {
    context.process.stdout.write(`${printable(word)}\t${printable(brief)}\n`);
  }
  return 0;
}
