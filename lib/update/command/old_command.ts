import { keysOf } from "../../cmdline/mod.ts";
import type { Facts } from "../vm/facts.ts";
import { CommandDraft } from "./draft.ts";
import type { LiveProcess } from "./live_process.ts";
import { newCommand } from "./new_command.ts";

const PARENT = "exit-with-parent";

/**
 * What starts the old program again in a rollback, waiting for the state: its
 * own command line, edited like the new one's, but for what binds the process
 * to its parent. That would be cprctl, which ends.
 *
 * @throws {RefusedError} when the command line cannot be read
 */
export function oldCommand(facts: Facts, live: LiveProcess): readonly string[] {
  if (facts.program === "cprctl") return newCommand(facts, live).argv;
  const [program = "", ...words] = newCommand(facts, live, facts.argv[0]).argv;
  return [program, ...withoutParent(words)];
}

function withoutParent(words: readonly string[]): string[] {
  const draft = new CommandDraft(words);
  for (const argument of draft.of("run-with")) {
    if (!keysOf(argument).has(PARENT)) continue;
    draft.removeKey(argument, PARENT, "its parent is another one");
  }
  return draft.words;
}
