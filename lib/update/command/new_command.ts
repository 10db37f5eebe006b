import { type Argument, parseArguments } from "../../cmdline/mod.ts";
import type { Facts } from "../facts.ts";
import type { CommandChange } from "../report.ts";

/** A command line to execute, and how it differs from the one that runs. */
export interface NewCommand {
  readonly argv: readonly string[];
  readonly changes: readonly CommandChange[];
  /** Descriptors that its words name: they have to be open at these numbers. */
  readonly descriptors: readonly number[];
}

/** What is added so that the new program waits, paused, to be told more. */
const WAIT_FOR_US = ["-S", "-incoming", "defer"];

/**
 * The running command line with another program in it. Its words are kept as
 * they are, but for those that would start the VM by themselves.
 *
 * @param binary the new program; default: what is now at the old one's path
 *
 * @throws {CmdlineError} when the command line cannot be read
 */
export function newCommand(facts: Facts, binary?: string): NewCommand {
  const { prefix, words } = split(facts);
  const program = newProgram(facts, prefix, binary);
  const changes: CommandChange[] = [];
  if (program.join(" ") !== prefix.join(" ")) {
    changes.push({
      from: prefix.join(" "),
      to: program.join(" "),
      why: "the new program",
    });
  }
  const kept: string[] = [];
  // The embedded machine's options are some of QEMU's.
  for (const argument of parseArguments(words)) {
    if (startsByItself(argument)) {
      changes.push({
        from: argument.words.join(" "),
        to: null,
        why: "left from an earlier migration",
      });
    } else kept.push(...argument.words);
  }
  changes.push({
    from: null,
    to: WAIT_FOR_US.join(" "),
    why: "the new program loads the state when it is told to, and the VM " +
      "starts only after the last check",
  });
  return {
    argv: [...program, ...kept, ...WAIT_FOR_US],
    changes,
    descriptors: [],
  };
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

function startsByItself({ option }: Argument): boolean {
  return option === "incoming" || option === "S";
}
