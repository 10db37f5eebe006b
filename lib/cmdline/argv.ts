/**
 * The words of a QEMU command line, taken apart into options and put together
 * again.
 *
 * ```
 * words = { ( "-" | "--" ) name [ value ] | disk }
 * ```
 *
 * A word that does not start with a dash is the first disk's image, as if
 * -hda stood before it.
 *
 * @module
 */

import { MissingValueError, UnknownOptionError } from "./errors.ts";
import type { OptionValue } from "./option_value.ts";
import { type OptionTable, QEMU_OPTIONS } from "./options.ts";
import { parseValue } from "./parse_value.ts";

/** One option of a command line. */
export interface Argument {
  /** Its name without the dash; an alias is replaced by what it stands for. */
  readonly option: string;
  /** Its value; absent where the option takes none. */
  readonly value?: string;
  /** The words exactly as written: the option, its value. */
  readonly words: readonly string[];
  /** Where its first word stood among all words. */
  readonly index: number;
}

/**
 * Takes words, without the program's name before them, apart into options.
 *
 * @throws {UnknownOptionError} if an option is not in the table
 * @throws {MissingValueError} if the last option lacks its value
 */
export function parseArguments(
  words: readonly string[],
  table: OptionTable = QEMU_OPTIONS,
): Argument[] {
  const result: Argument[] = [];
  for (let index = 0; index < words.length;) {
    const argument = argumentAt(words, index, table);
    result.push(argument);
    index += argument.words.length;
  }
  return result;
}

function argumentAt(
  words: readonly string[],
  index: number,
  table: OptionTable,
): Argument {
  const word = words[index] ?? "";
  if (!word.startsWith("-")) {
    if (!table.has("hda")) throw new UnknownOptionError(word, index);
    return { option: "hda", value: word, words: [word], index };
  }
  const name = word.slice(word.startsWith("--") ? 2 : 1);
  const spec = table.get(name);
  if (spec === undefined) throw new UnknownOptionError(word, index);
  const option = spec.aliasOf ?? name;
  if (!spec.takesValue) return { option, words: [word], index };
  const value = words[index + 1];
  if (value === undefined) throw new MissingValueError(word, index);
  return { option, value, words: [word, value], index };
}

/** The option with another value, its own word kept as it was written. */
export function withValue(argument: Argument, value: string): Argument {
  return {
    ...argument,
    value,
    words: argument.words.with(argument.words.length - 1, value),
  };
}

/**
 * The keys and values of an option's value.
 *
 * @throws {OptionSyntaxError} if the value is no such text
 */
export function keysOf(
  argument: Argument,
  table: OptionTable = QEMU_OPTIONS,
): OptionValue {
  return parseValue(
    argument.value ?? "",
    table.get(argument.option)?.impliedKey,
  );
}
