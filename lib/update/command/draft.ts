import { type Argument, keysOf, parseArguments } from "../../cmdline/mod.ts";
import type { CommandChange } from "../report/report.ts";
import { shown } from "./shown.ts";

/** What the new program's command line cannot do, and what helps. */
export interface CommandProblem {
  readonly verdict: "warn" | "refuse";
  readonly detail: string;
  /** One imperative sentence. */
  readonly remedy: string;
}

/**
 * A command line on its way from one program to the next. Rules edit it one
 * after the other; each edit is remembered with its reason, and what no rule
 * touches keeps its words.
 */
export class CommandDraft {
  #arguments: readonly Argument[];
  readonly #changes: CommandChange[] = [];
  readonly #problems: CommandProblem[] = [];

  /** @throws {CmdlineError} when the words cannot be read */
  constructor(words: readonly string[]) {
    this.#arguments = parseArguments(words);
  }

  /** The arguments as they are by now. */
  get arguments(): readonly Argument[] {
    return this.#arguments;
  }

  /** The words as they are by now. */
  get words(): string[] {
    return this.#arguments.flatMap(({ words }) => words);
  }

  get changes(): readonly CommandChange[] {
    return this.#changes;
  }

  get problems(): readonly CommandProblem[] {
    return this.#problems;
  }

  /** The arguments of these options, in order. */
  of(...options: readonly string[]): Argument[] {
    return this.#arguments.filter(({ option }) => options.includes(option));
  }

  /** Puts other words in the place of an argument; none take it out. */
  replace(argument: Argument, words: readonly string[], why: string): void {
    this.#arguments = this.#arguments.flatMap((each) =>
      each === argument ? parseArguments(words) : [each]
    );
    this.#note(argument.words, words, why);
  }

  /** Takes an argument out. */
  remove(argument: Argument, why: string): void {
    this.replace(argument, [], why);
  }

  /** Takes a key out of an argument, and the argument if nothing is left. */
  removeKey(argument: Argument, key: string, why: string): void {
    const rest = keysOf(argument).without(key);
    const [option = `-${argument.option}`] = argument.words;
    const words = rest.entries.length === 0 ? [] : [option, rest.toString()];
    this.replace(argument, words, why);
  }

  /** Adds words at the end. */
  append(words: readonly string[], why: string): void {
    this.#arguments = [...this.#arguments, ...parseArguments(words)];
    this.#note([], words, why);
  }

  /** Notes that the new program must not be started like this. */
  refuse(detail: string, remedy: string): void {
    this.#problems.push({ verdict: "refuse", detail, remedy });
  }

  /** Notes what the new program will do that nobody asked for. */
  warn(detail: string, remedy: string): void {
    this.#problems.push({ verdict: "warn", detail, remedy });
  }

  #note(from: readonly string[], to: readonly string[], why: string): void {
    this.#changes.push({
      from: from.length === 0 ? null : shown(from),
      to: to.length === 0 ? null : shown(to),
      why,
    });
  }
}
