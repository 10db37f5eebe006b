/**
 * Splits the words of a QEMU command line into options.
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
import { JsonForm } from "./json_form.ts";
import { KeyvalText } from "./keyval.ts";

/** One option of a command line. */
export interface Argument {
  /** Its name without the dash; aliases are resolved. */
  readonly option: string;
  /** Its value; absent if the option takes none. */
  readonly value?: string;
  /** The words as written: the option and its value. */
  readonly words: readonly string[];
  /** Index of its first word. */
  readonly index: number;
}

/**
 * Parses the words of a command line, without the program's name.
 *
 * @throws {UnknownOptionError} if an option is not in the table
 * @throws {MissingValueError} if the last option lacks its value
 *
 * @example
 * ```ts
 * import { parseArguments } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [machine, headless] = parseArguments(["-M", "q35", "-nographic"]);
 * assertEquals([machine?.option, machine?.value], ["machine", "q35"]);
 * assertEquals(headless?.words, ["-nographic"]);
 * ```
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

/**
 * A copy of an option with another value; the option's word stays as written.
 *
 * @example
 * ```ts
 * import { parseArguments, withValue } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [memory] = parseArguments(["--m", "1G"]);
 * assertEquals(memory && withValue(memory, "2G").words, ["--m", "2G"]);
 * ```
 */
export function withValue(argument: Argument, value: string): Argument {
  return {
    ...argument,
    value,
    words: argument.words.with(argument.words.length - 1, value),
  };
}

/**
 * Parses an option's value into keys and values, in either form.
 *
 * @throws {OptionSyntaxError} if the value has neither form
 *
 * @example
 * ```ts
 * import { keysOf, parseArguments } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [device] = parseArguments(["-device", "virtio-net-pci,netdev=net0"]);
 * assertEquals(device && keysOf(device).get("driver"), "virtio-net-pci");
 * ```
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

/**
 * Parses the value of an option in either form: JSON if it starts with "{",
 * key=value text otherwise.
 *
 * @param impliedKey key of a first item without a key, such as "driver"
 * @throws {OptionSyntaxError} if it has neither form
 *
 * @example
 * ```ts
 * import { parseValue } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const device = parseValue("virtio-blk-pci,drive=disk0", "driver");
 * assertEquals(device.get("driver"), "virtio-blk-pci");
 * assertEquals(
 *   device.with("id", "a,b").toString(),
 *   "virtio-blk-pci,drive=disk0,id=a,,b",
 * );
 * ```
 */
export function parseValue(text: string, impliedKey?: string): OptionValue {
  return text.startsWith("{")
    ? JsonForm.parse(text)
    : KeyvalText.parse(text, impliedKey);
}
