import { CmdlineError } from "../../cmdline/mod.ts";
import { RefusedError } from "../error.ts";
import type { CommandChange } from "../report/report.ts";
import type { Facts } from "../vm/facts.ts";
import { namedDescriptors } from "./descriptors.ts";
import { CommandDraft, type CommandProblem } from "./draft.ts";
import type { LiveProcess } from "./live_process.ts";
import { RULES } from "./rules.ts";
import { shown } from "./shown.ts";

/** A command line to execute, and how it differs from the one that runs. */
export interface NewCommand {
  readonly argv: readonly string[];
  readonly changes: readonly CommandChange[];
  /** Descriptors that it names: they must be open when it starts. */
  readonly descriptors: readonly number[];
  /** What no change could help. */
  readonly problems: readonly CommandProblem[];
}

/**
 * The running command line with another program in it. Its words are kept as
 * they are, but for those that would lose the VM or keep it waiting.
 *
 * @param binary the new program; default: what is now at the old one's path
 * @throws {RefusedError} when the command line cannot be read
 */
export function newCommand(
  facts: Facts,
  live: LiveProcess,
  binary?: string,
): NewCommand {
  const { prefix, words } = split(facts);
  const program = newProgram(facts, prefix, binary);
  const draft = edited(words, { facts, live });
  return {
    argv: [...program, ...draft.words],
    changes: [...changedProgram(prefix, program), ...draft.changes],
    descriptors: namedDescriptors(draft.arguments),
    problems: draft.problems,
  };
}

function edited(
  words: readonly string[],
  situation: { facts: Facts; live: LiveProcess },
): CommandDraft {
  try {
    // The embedded machine's options are some of QEMU's.
    const draft = new CommandDraft(words);
    for (const rule of RULES) rule(draft, situation);
    return draft;
  } catch (error) {
    if (!(error instanceof CmdlineError)) throw error;
    throw new RefusedError(
      "command-line",
      `Cannot read the VM's command line: ${error.message}`,
      { remedy: "Restart the VM without that option", cause: error },
    );
  }
}

function changedProgram(
  from: readonly string[],
  to: readonly string[],
): CommandChange[] {
  const isSame = from.length === to.length &&
    from.every((word, at) => word === to[at]);
  return isSame
    ? []
    : [{ from: shown(from), to: shown(to), why: "the new program" }];
}

/** The new program's words; without a binary, what is now at the old path. */
function newProgram(
  facts: Facts,
  prefix: readonly string[],
  binary: string | undefined,
): readonly string[] {
  if (facts.program === "cprctl") {
    return binary === undefined ? prefix : [binary, "machine"];
  }
  return [binary ?? facts.executable.path];
}

/** The words that name the program, and the options after them. */
function split(facts: Facts): { prefix: string[]; words: string[] } {
  // The embedded machine may run under a runtime with words of its own.
  const first = facts.program === "cprctl"
    ? facts.argv.indexOf("machine") + 1
    : 1;
  return {
    prefix: facts.argv.slice(0, first),
    words: facts.argv.slice(first),
  };
}
