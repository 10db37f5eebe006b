/**
 * Commands as data. Parsing, help, the manual page and shell completions are
 * all drawn from it; no command knows which library reads the command line.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import type { CliProcess } from "./process.ts";

/** What a command is given besides its options and operands. */
export interface CliContext {
  readonly process: CliProcess;
  readonly engine: Engine;
  readonly program: Program;
}

/** An option without a value: it is given or not. */
export interface Switch {
  /** One sentence for help, without a period. */
  readonly brief: string;
}

/** What an option's value, or an operand, may be. */
export interface Value<T> {
  readonly brief: string;
  /**
   * Reads what was typed, which is never empty.
   *
   * @throws {UsageError} that says what was expected
   */
  readonly parse: (text: string) => T;
  /** Values for completion; none: the shell completes file names. */
  readonly propose?: (context: CliContext) =>
    | Iterable<string>
    | Promise<
      Iterable<string>
    >;
}

/** An option with a value. */
export interface Valued<T> extends Value<T> {
  /** What help calls the value, in capitals: SOCKET. */
  readonly value: string;
  /** What is parsed where the option is not given. */
  readonly default?: string;
  /** What is parsed where the option is given without a value. */
  readonly bare?: string;
}

/** Options by their names, without the two dashes. */
export type Options = Readonly<Record<string, Switch | Valued<unknown>>>;

/** An argument that is no option. */
export interface Operand<T> extends Value<T> {
  /** What help calls it, in capitals: FILE. */
  readonly name: string;
  readonly optional?: true;
}

/** What an option was set to; a switch that was not given is false. */
type ValueOf<Option> = Option extends Valued<infer T>
  ? Option extends { readonly default: string } ? T : T | undefined
  : boolean;

/** What all options were set to. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: ValueOf<O[Name]>;
};

/** What the operands were; undefined where an optional one was not given. */
export type OperandValues<P extends readonly Operand<unknown>[]> = {
  [At in keyof P]: P[At] extends Operand<infer T>
    ? P[At] extends { readonly optional: true } ? T | undefined : T
    : never;
};

/** A command line, and what it is for. */
export type Example = readonly [line: string, purpose: string];

interface Described {
  readonly name: string;
  /** One imperative sentence, without a period. */
  readonly brief: string;
}

/** A command, with the types of its options and operands. */
export interface Definition<
  O extends Options,
  P extends readonly Operand<unknown>[],
> extends Described {
  /** Paragraphs with an empty line between them. */
  readonly description: string;
  /** What may follow the name; default: options, then the operands. */
  readonly usage?: readonly string[];
  readonly options: O;
  readonly operands: P;
  readonly examples: readonly Example[];
  /** Does it; imports what it needs when it runs, and not before. */
  run(
    context: CliContext,
    options: OptionValues<O>,
    ...operands: OperandValues<P>
  ): void | Promise<void>;
}

/** A command, whatever the types of its options and operands. */
export type DefinedCommand = Definition<Options, readonly Operand<unknown>[]>;

/** A command that reads its words itself, and has a help of its own. */
export interface RawCommand extends Described {
  /** What follows the name. */
  readonly usage: readonly [string];
  /** Imports its help. */
  help(): Promise<string>;
  /** Imports it and runs it; resolves to the exit code. */
  run(words: readonly string[]): Promise<number>;
}

/** A command of either kind. */
export type Command = DefinedCommand | RawCommand;

/** Whether a command reads its words itself. */
export function isRaw(command: Command): command is RawCommand {
  return "help" in command;
}

/** Whether an option has a value. */
export function isValued(
  option: Switch | Valued<unknown>,
): option is Valued<unknown> {
  return "value" in option;
}

/** Keeps the types of the options and operands for `run`. */
export function command<
  const O extends Options,
  const P extends readonly Operand<unknown>[],
>(definition: Definition<O, P>): DefinedCommand {
  return definition;
}

/** A table in the program's help and manual page. */
export interface Section {
  /** In capitals: EXIT STATUS. */
  readonly title: string;
  readonly rows: readonly (readonly [term: string, meaning: string])[];
}

/** All commands, and what is said of them together. */
export interface Program extends Described {
  readonly description: string;
  readonly commands: readonly Command[];
  readonly sections: readonly Section[];
}
