/** The options of this project's own tasks: whole numbers and switches. */

import { parseArgs } from "node:util";

/** What was given. */
export interface Options<Counted extends string, Switch extends string> {
  readonly numbers: Readonly<Partial<Record<Counted, number>>>;
  readonly switches: ReadonlySet<Switch>;
}

/**
 * Reads the words after the task's name; a "--" that separates them from it
 * says nothing.
 *
 * @throws {TypeError} when a word is none of the options, or no whole number
 */
export function readOptions<
  Counted extends string = never,
  Switch extends string = never,
>(
  words: readonly string[],
  known: { numbers?: readonly Counted[]; switches?: readonly Switch[] },
): Options<Counted, Switch> {
  const { numbers = [], switches = [] } = known;
  const values: Readonly<Record<string, unknown>> = parseArgs({
    args: words.filter((word) => word !== "--"),
    options: Object.fromEntries([
      ...numbers.map((name) => [name, { type: "string" }] as const),
      ...switches.map((name) => [name, { type: "boolean" }] as const),
    ]),
  }).values;
  const given: Partial<Record<Counted, number>> = {};
  for (const name of numbers) {
    const text = values[name];
    if (text !== undefined) given[name] = wholeNumber(name, String(text));
  }
  return {
    numbers: given,
    switches: new Set(switches.filter((name) => values[name] === true)),
  };
}

function wholeNumber(name: string, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new TypeError(`--${name} is to be a whole number, not "${text}"`);
}
