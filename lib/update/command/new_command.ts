/**
 * The command line of the new program: the running one, edited by rules so that
 * starting it again neither loses the VM nor delays it. The old program's
 * command line, for a rollback, is made in the same way.
 *
 * @module
 */

import { type Argument, CmdlineError, keysOf } from "../../cmdline/mod.ts";
import { RefusedError } from "../error.ts";
import {
  type CommandChange,
  CommandDraft,
  type CommandProblem,
  type LiveProcess,
  shellWords,
} from "./draft.ts";
import type { Facts } from "../vm/facts.ts";
import { firstOption } from "./command_line.ts";
import { RULES } from "./rules.ts";
import { vhostDescriptors } from "./vhost_rule.ts";

/** A command line to execute, and how it differs from the running one. */
export interface NewCommand {
  readonly argv: readonly string[];
  readonly changes: readonly CommandChange[];
  /** Descriptors that it names: they must be open when it starts. */
  readonly descriptors: readonly number[];
  /** Those among them that are vhost: the program gets others in their place. */
  readonly vhost: readonly number[];
  /** Problems that no edit could solve. */
  readonly problems: readonly CommandProblem[];
}

/**
 * The running command line, with another program.
 *
 * @param binary the new program; default: the facts' successor
 * @throws {RefusedError} when the command line cannot be read
 */
export function newCommand(
  facts: Facts,
  live: LiveProcess,
  binary?: string,
): NewCommand {
  // The embedded machine may run under a runtime that has arguments of its own.
  const first = firstOption(facts.program, facts.argv);
  const running = facts.argv.slice(0, first);
  const program = programWords(facts, running, binary);
  const draft = applyRules(facts.argv.slice(first), facts, live);
  return {
    argv: [...program, ...draft.words],
    changes: [...programChange(running, program), ...draft.changes],
    descriptors: namedDescriptors(draft.arguments),
    vhost: vhostDescriptors(draft.arguments),
    problems: draft.problems,
  };
}

const PARENT = "exit-with-parent";

/**
 * The command line that starts the old program again in a rollback, waiting for
 * the state. It is edited like the new one; in addition it no longer binds the
 * process to its parent, because that would be cprctl, which ends.
 *
 * @throws {RefusedError} when the command line cannot be read
 */
export function oldCommand(facts: Facts, live: LiveProcess): readonly string[] {
  if (facts.program === "cprctl") return newCommand(facts, live).argv;
  const [program = "", ...words] = newCommand(facts, live, facts.argv[0]).argv;
  const draft = new CommandDraft(words, facts.options);
  for (const argument of draft.of("run-with")) {
    if (!keysOf(argument).has(PARENT)) continue;
    draft.removeKey(argument, PARENT, "the parent is another process");
  }
  return [program, ...draft.words];
}

/** The words that start a program; without a binary, its successor. */
function programWords(
  facts: Facts,
  running: readonly string[],
  binary: string | undefined,
): readonly string[] {
  if (facts.program === "cprctl") {
    return binary === undefined ? running : [binary, "machine"];
  }
  return [binary ?? facts.successor];
}

function programChange(
  from: readonly string[],
  to: readonly string[],
): CommandChange[] {
  const isSame = from.length === to.length &&
    from.every((word, at) => word === to[at]);
  return isSame ? [] : [{
    from: shellWords(from),
    to: shellWords(to),
    why: "the new program",
  }];
}

function applyRules(
  words: readonly string[],
  facts: Facts,
  live: LiveProcess,
): CommandDraft {
  try {
    // The embedded machine's options are a subset of QEMU's.
    const draft = new CommandDraft(words, facts.options);
    for (const rule of RULES) rule(draft, { facts, live });
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

/** Options with keys that name descriptors. */
const WITH_DESCRIPTORS = [
  "chardev",
  "device",
  "fsdev",
  "net",
  "netdev",
  "nic",
  "object",
];
/** One descriptor, or several separated by colons. */
const DESCRIPTOR_KEY = /^(fd|fds|vhostfd|vhostfds|sock_fd)$/;
/** A socket address whose type is a descriptor: `addr.type=fd,addr.str=7`. */
const ADDRESS_KEY = /^(.+)\.str$/;
const NUMBERS = /^\d+(:\d+)*$/;

/** The descriptors that arguments name, without duplicates, lowest first. */
function namedDescriptors(options: readonly Argument[]): number[] {
  const numbers = options
    .filter(({ option }) => WITH_DESCRIPTORS.includes(option))
    .flatMap((argument) => {
      const value = keysOf(argument);
      return value.entries.filter(({ key }) => {
        const address = ADDRESS_KEY.exec(key)?.[1];
        return DESCRIPTOR_KEY.test(key) ||
          address !== undefined && value.get(`${address}.type`) === "fd";
      });
    })
    // A name instead of a number means a descriptor that was sent over a
    // monitor.
    .filter(({ value }) => NUMBERS.test(value))
    .flatMap(({ value }) => value.split(":").map(Number));
  return [...new Set(numbers)].sort((a, b) => a - b);
}
