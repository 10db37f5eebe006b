/**
 * Commands as data. Parsing, help, the manual page and shell completions are
 * derived from it; commands do not depend on the library that parses the
 * command line.
 *
 * @module
 */

import { UsageError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import type { CliProcess } from "./process.ts";

/** The environment of a command. */
export interface CliContext {
  readonly process: CliProcess;
  readonly engine: Engine;
  readonly program: Program;
  /** The words after `--`, for a command that takes a command line. */
  readonly commandLine?: readonly string[] | undefined;
}

/** An option without a value. */
export interface Switch {
  /** One sentence for help, without a period. */
  readonly brief: string;
  /** One letter that stands for it. */
  readonly short?: string;
}

/** The value of an option, or an operand. */
export interface Value<T> {
  readonly brief: string;
  /**
   * Parses the text, which is never empty.
   *
   * @throws {UsageError} naming the expected form
   */
  readonly parse: (text: string) => T;
  /** Values for completion; without it, the shell completes file names. */
  readonly propose?: (context: CliContext) =>
    | Iterable<string>
    | Promise<
      Iterable<string>
    >;
}

/** An option with a value. */
export interface Valued<T> extends Value<T> {
  /** Its name in help, in capitals: SOCKET. */
  readonly value: string;
  /** The text to parse if the option is not given. */
  readonly default?: string;
  /** The text to parse if the option is given without a value. */
  readonly bare?: string;
}

/** Options by name, without the dashes. */
export type Options = Readonly<Record<string, Switch | Valued<unknown>>>;

/** An argument that is not an option. */
export interface Operand<T> extends Value<T> {
  /** Its name in help, in capitals: FILE. */
  readonly name: string;
  readonly optional?: true;
}

/** The value of an option; a switch that was not given is false. */
type ValueOf<Option> = Option extends Valued<infer T>
  ? Option extends { readonly default: string } ? T : T | undefined
  : boolean;

/** The values of all options. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: ValueOf<O[Name]>;
};

/** The values of the operands; undefined if an optional one was not given. */
export type OperandValues<P extends readonly Operand<unknown>[]> = {
  [At in keyof P]: P[At] extends Operand<infer T>
    ? P[At] extends { readonly optional: true } ? T | undefined : T
    : never;
};

/** A command line and its purpose. */
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
  /** Paragraphs, separated by an empty line. */
  readonly description: string;
  /** The synopsis after the name; default: options, then operands. */
  readonly usage?: readonly string[];
  readonly options: O;
  readonly operands: P;
  readonly examples: readonly Example[];
  /** Whether a whole command line may follow `--`. */
  readonly takesCommandLine?: true;
  /** Runs the command; imports its modules lazily. */
  run(
    context: CliContext,
    options: OptionValues<O>,
    ...operands: OperandValues<P>
  ): void | Promise<void>;
}

/** A command with any types of options and operands. */
export type DefinedCommand = Definition<Options, readonly Operand<unknown>[]>;

/** A command that parses its arguments itself, and has its own help. */
export interface RawCommand extends Described {
  /** The synopsis after the name. */
  readonly usage: readonly [string];
  /** Imports its help. */
  help(): Promise<string>;
  /** Imports it and runs it; resolves to the exit code. */
  run(words: readonly string[]): Promise<number>;
}

/** A command of either kind. */
export type Command = DefinedCommand | RawCommand;

/** Whether a command parses its arguments itself. */
export function isRaw(command: Command): command is RawCommand {
  return "help" in command;
}

/** Whether an option has a value. */
export function isValued(
  option: Switch | Valued<unknown>,
): option is Valued<unknown> {
  return "value" in option;
}

/** An option's syntax: `--json`, `--qmp SOCKET`, `--all [PATTERN]`. */
export function optionSynopsis(
  name: string,
  option: Switch | Valued<unknown>,
): string {
  if (!isValued(option)) return `--${name}`;
  const { value, bare } = option;
  return `--${name} ${bare === undefined ? value : `[${value}]`}`;
}

/** Keeps the types of the options and operands for `run`. */
export function command<
  const O extends Options,
  const P extends readonly Operand<unknown>[],
>(definition: Definition<O, P>): DefinedCommand {
  return definition;
}

/** An operand that is any text. */
export function textOperand(name: string, brief: string): Operand<string> {
  return { name, brief, parse: String };
}

/** An option whose value is any text. */
export function textValue(value: string, brief: string): Valued<string> {
  return { value, brief, parse: String };
}

/** Parses one of several names. */
export function oneOf<Name extends string>(names: readonly Name[]) {
  return (text: string): Name => {
    const name = names.find((it) => it === text);
    if (name !== undefined) return name;
    throw new UsageError(`Expected one of ${names.join(", ")}`);
  };
}

/** The option of every command. */
export const HELP_BRIEF = "Print this help and exit";
/** The additional option of the program. */
export const VERSION_BRIEF = "Print the version and exit";

/** A table in the program's help and manual page. */
export interface Section {
  /** In capitals: EXIT STATUS. */
  readonly title: string;
  readonly rows: readonly (readonly [term: string, meaning: string])[];
}

/** All commands, and the common parts of help. */
export interface Program extends Described {
  readonly description: string;
  readonly commands: readonly Command[];
  readonly sections: readonly Section[];
}
