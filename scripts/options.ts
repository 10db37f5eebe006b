/** The command lines of this project's own tasks. */

import { parseArgs } from "@std/cli";
import { UsageError } from "../lib/errors.ts";
import { errorText, exitCodeOf } from "../lib/cli/wording/errors.ts";

/** The options of a task, by their names without dashes. */
export interface Known<
  Text extends string,
  Counted extends string,
  Switch extends string,
> {
  readonly texts?: readonly Text[];
  /** Those whose value is a whole number. */
  readonly numbers?: readonly Counted[];
  readonly switches?: readonly Switch[];
}

/** What was given. */
export interface Options<
  Text extends string,
  Counted extends string,
  Switch extends string,
> {
  /** Whether help was asked for. */
  readonly help: boolean;
  readonly texts: Readonly<Partial<Record<Text, string>>>;
  readonly numbers: Readonly<Partial<Record<Counted, number>>>;
  readonly switches: ReadonlySet<Switch>;
}

/**
 * Reads the words after the task's name; a "--" that separates them from it
 * says nothing. --help and -h are known to every task.
 *
 * @throws {UsageError} for an unknown word, a missing value, or no whole number
 */
export function readOptions<
  Text extends string = never,
  Counted extends string = never,
  Switch extends string = never,
>(
  words: readonly string[],
  { texts = [], numbers = [], switches = [] }: Known<Text, Counted, Switch>,
): Options<Text, Counted, Switch> {
  const given: Readonly<Record<string, unknown>> = parseArgs(
    words.filter((word) => word !== "--"),
    {
      string: [...texts, ...numbers],
      boolean: ["help", ...switches],
      alias: { help: "h" },
      unknown: (word) => {
        const what = word.startsWith("-")
          ? "Unknown option"
          : "Unexpected argument";
        throw new UsageError(`${what} "${word}"`, {
          remedy: "Run it with --help",
        });
      },
    },
  );
  const valueOf = (name: string): string | undefined => {
    const value = given[name];
    if (value === "") {
      throw new UsageError(`Missing value for option "--${name}"`);
    }
    return typeof value === "string" ? value : undefined;
  };
  const textOf: Partial<Record<Text, string>> = {};
  for (const name of texts) {
    const text = valueOf(name);
    if (text !== undefined) textOf[name] = text;
  }
  const numberOf: Partial<Record<Counted, number>> = {};
  for (const name of numbers) {
    const text = valueOf(name);
    if (text !== undefined) numberOf[name] = wholeNumber(name, text);
  }
  return {
    help: given["help"] === true,
    texts: textOf,
    numbers: numberOf,
    switches: new Set(switches.filter((name) => given[name] === true)),
  };
}

/**
 * Reads the words that this process was started with. Prints the help where it
 * is asked for, or what is wrong with the words, and ends the process then.
 */
export function taskOptions<
  Text extends string = never,
  Counted extends string = never,
  Switch extends string = never,
>(
  help: string,
  known: Known<Text, Counted, Switch>,
): Options<Text, Counted, Switch> {
  try {
    const options = readOptions(Deno.args, known);
    if (!options.help) return options;
    console.log(help.trimEnd());
    Deno.exit(0);
  } catch (error) {
    console.error(errorText(error, false));
    Deno.exit(exitCodeOf(error));
  }
}

function wholeNumber(name: string, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new UsageError(
    `Cannot set --${name} to "${text}": expected a whole number`,
  );
}
