/**
 * vhost descriptors that were passed to QEMU. A program cannot use those of an
 * earlier one: it is given others, whose numbers are known only then.
 *
 * ```
 * tap,id=net0,fd=22,vhostfd=24   ->   tap,id=net0,fd=22,vhostfd=31
 * ```
 *
 * @module
 */

import {
  type Argument,
  keysOf,
  type OptionTable,
  type OptionValue,
} from "../../cmdline/mod.ts";
import { CommandDraft, type Rule, shellWords } from "./draft.ts";

const KEYS = ["vhostfd", "vhostfds"];
/** Options that make an interface. */
const INTERFACES = ["netdev", "nic", "net"];
/** Devices with a vhost of their own. */
const DEVICE = "device";

/** Refuses what cannot be opened again. */
export const checkVhostDescriptors: Rule = (draft, { live }) => {
  for (const argument of draft.of(...INTERFACES, DEVICE)) {
    const [problem] = argument.option === DEVICE && passesVhost(argument)
      ? [{
        message: "only that of an interface can be opened again",
        remedy: "Restart the VM without that descriptor",
      }]
      : numbersOf(argument).flatMap((it) => live.vhostProblem(it) ?? []);
    if (problem === undefined) continue;
    const name = shellWords(argument.words);
    const remedy = problem.remedy ?? "Restart the VM without vhost";
    draft.refuse(
      `The vhost descriptor of "${name}" cannot be replaced: ` +
        problem.message,
      remedy,
    );
  }
};

/** The vhost descriptors that arguments name. */
export function vhostDescriptors(args: readonly Argument[]): number[] {
  return args.filter(({ option }) => INTERFACES.includes(option))
    .flatMap(numbersOf);
}

/** How many vhost devices QEMU opens itself for these arguments. */
export function openedVhosts(args: readonly Argument[]): number {
  return args.filter(({ option }) => INTERFACES.includes(option))
    .map((argument) => keysOf(argument))
    .filter((value) => !KEYS.some((key) => value.has(key)))
    .filter((value) => value.boolean("vhost") ?? value.boolean("vhostforce"))
    .reduce((sum, value) => {
      const passed = value.get("fds")?.split(":").length;
      return sum + (passed ?? value.integer("queues") ?? 1);
    }, 0);
}

/**
 * A command line with other vhost descriptors.
 *
 * @param renewed numbers by those that they replace
 */
export function withVhost(
  argv: readonly string[],
  renewed: ReadonlyMap<number, number>,
  options?: OptionTable,
): readonly string[] {
  // The embedded machine, which has none, has other options.
  if (renewed.size === 0) return argv;
  const [program = "", ...words] = argv;
  const draft = new CommandDraft(words, options);
  for (const argument of draft.of(...INTERFACES)) {
    for (const key of KEYS) {
      const value: OptionValue = keysOf(argument);
      const numbers = value.get(key);
      if (numbers === undefined) continue;
      const others = numbers.split(":").map((it) =>
        renewed.get(Number(it)) ?? it
      );
      draft.setValue(argument, value.with(key, others.join(":")), "");
    }
  }
  return [program, ...draft.words];
}

function passesVhost(argument: Argument): boolean {
  return KEYS.some((key) => keysOf(argument).has(key));
}

function numbersOf(argument: Argument): number[] {
  const value = keysOf(argument);
  return KEYS.flatMap((key) => value.get(key)?.split(":") ?? []).map(Number);
}
