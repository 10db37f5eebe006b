import {
  type Argument,
  keysOf,
  type OptionValue,
  parseArguments,
} from "../../cmdline/mod.ts";
import type { ProgramName } from "../vm/facts.ts";

/** The options that a VM was, or is to be, started with. */
export class CommandLine {
  readonly #arguments: readonly Argument[];

  private constructor(
    readonly program: ProgramName,
    options: readonly Argument[],
  ) {
    this.#arguments = options;
  }

  /** @throws {CmdlineError} when an option is not known */
  static parse(program: ProgramName, argv: readonly string[]): CommandLine {
    return new CommandLine(
      program,
      parseArguments(argv.slice(firstOption(program, argv))),
    );
  }

  /** Whether an option is given. */
  has(option: string): boolean {
    return this.#arguments.some((argument) => argument.option === option);
  }

  /** The values of an option as they are written, in order. */
  texts(...options: readonly string[]): string[] {
    return this.#arguments.flatMap(({ option, value }) =>
      options.includes(option) && value !== undefined ? [value] : []
    );
  }

  /**
   * The values of an option by their keys, in order.
   *
   * @throws {CmdlineError} when a value has none
   */
  values(...options: readonly string[]): OptionValue[] {
    return this.#arguments.filter(({ option }) => options.includes(option))
      .map((argument) => keysOf(argument));
  }

  /** Those of an option that have one of these values under a key. */
  where(option: string, key: string, ...wanted: string[]): OptionValue[] {
    return this.values(option).filter((value) =>
      wanted.includes(value.get(key) ?? "")
    );
  }

  /** The values that a key has, over all uses of an option. */
  all(option: string, key: string): string[] {
    return this.values(option).flatMap((value) => value.get(key) ?? []);
  }
}

/** Where the options begin: the embedded machine is a subcommand. */
export function firstOption(
  program: ProgramName,
  argv: readonly string[],
): number {
  return program === "cprctl" ? argv.indexOf("machine") + 1 : 1;
}
