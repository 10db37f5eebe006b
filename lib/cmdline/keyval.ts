/**
 * The key=value form of an option's value.
 *
 * ```
 * value = [ item { "," item } [ "," ] ]
 * item  = key "=" text        a doubled comma in text stands for one comma
 *       | text                first item only, if the option has an implied key
 *       | key                 an old spelling of key=on; "nokey" of key=off
 * ```
 *
 * @module
 */

import { OptionSyntaxError } from "./errors.ts";
import {
  type Entry,
  MOST_KEYS,
  OptionValue,
  type Scalar,
} from "./option_value.ts";

interface Item extends Entry {
  readonly form: "implied" | "pair" | "flag";
  /** As written, commas doubled. */
  readonly text: string;
}

/**
 * An option's value as key=value text; edits keep the rest of its text.
 *
 * @example
 * ```ts
 * import { KeyvalText } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const drive = KeyvalText.parse("if=none,file=/a,,b.img");
 * assertEquals(drive.get("file"), "/a,b.img");
 * assertEquals(drive.with("if", "ide").toString(), "if=ide,file=/a,,b.img");
 * ```
 */
export class KeyvalText extends OptionValue {
  private constructor(
    private readonly items: readonly Item[],
    /** A trailing comma. */
    private readonly tail: "" | "," = "",
  ) {
    super();
  }

  /**
   * Parses `text`.
   *
   * @param impliedKey key of a first item without a key
   * @throws {OptionSyntaxError} if an item has no key, or there are too many
   */
  static parse(text: string, impliedKey?: string): KeyvalText {
    const items: Item[] = [];
    let offset = 0;
    while (offset < text.length) {
      const implied = offset === 0 ? impliedKey : undefined;
      if (items.length === MOST_KEYS) {
        throw new OptionSyntaxError(text, offset, "too many keys");
      }
      const item = readItem(text, offset, implied);
      items.push(item);
      offset += item.text.length;
      if (text[offset] !== ",") break;
      offset += 1;
      if (offset === text.length) return new KeyvalText(items, ",");
    }
    return new KeyvalText(items);
  }

  /** A value with these keys, the first one implied if it can be. */
  static of(
    keys: Iterable<readonly [string, string]>,
    impliedKey?: string,
  ): KeyvalText {
    return new KeyvalText(
      Array.from(
        keys,
        ([key, value], at) =>
          at === 0 && key === impliedKey && canBeImplied(value)
            ? implied(key, value)
            : pair(key, value),
      ),
    );
  }

  /** Every key with its value, in the order written. */
  override get entries(): readonly Entry[] {
    return this.items;
  }

  /** A copy in which `key` has this value, in the form that it had. */
  override with(key: string, value: Scalar): KeyvalText {
    const isFlag = typeof value === "boolean";
    const text = isFlag ? (value ? "on" : "off") : String(value);
    const index = this.items.findLastIndex((item) => item.key === key);
    const old = this.items[index];
    if (old === undefined) {
      return new KeyvalText([...this.items, pair(key, text)]);
    }
    const item = old.form === "implied" && canBeImplied(text)
      ? implied(key, text)
      : pair(key, text);
    return new KeyvalText(this.items.with(index, item), this.tail);
  }

  /** A copy without `key`; this object if there is no such key. */
  override without(key: string): KeyvalText {
    if (!this.has(key)) return this;
    const [first, ...rest] = this.items.filter((item) => item.key !== key);
    if (first === undefined) return new KeyvalText([]);
    // In front, a flag would be parsed as the value of the implied key, and an
    // empty implied value alone as no item.
    const alone = rest.length === 0 && this.tail === "";
    const mistakable = first.form === "flag" || (first.text === "" && alone);
    const head = mistakable ? pair(first.key, first.value) : first;
    return new KeyvalText([head, ...rest], this.tail);
  }

  /** The text, as key=value. */
  override toString(): string {
    return this.items.map((item) => item.text).join(",") + this.tail;
  }
}

function readItem(text: string, start: number, impliedKey?: string): Item {
  const [word = ""] = /^[^=,]*/.exec(text.slice(start)) ?? [];
  const stop = start + word.length;
  if (text[stop] === "=") {
    if (word === "") throw new OptionSyntaxError(text, start, "no key");
    const end = endOfText(text, stop + 1);
    const value = halveCommas(text.slice(stop + 1, end));
    return { form: "pair", key: word, value, text: text.slice(start, end) };
  }
  if (impliedKey !== undefined) {
    const written = text.slice(start, endOfText(text, start));
    const value = halveCommas(written);
    return { form: "implied", key: impliedKey, value, text: written };
  }
  if (word === "") throw new OptionSyntaxError(text, start, "no key");
  return word.startsWith("no") && word.length > 2
    ? { form: "flag", key: word.slice(2), value: "off", text: word }
    : { form: "flag", key: word, value: "on", text: word };
}

/** The first comma from `start` that is not doubled, or the end. */
function endOfText(text: string, start: number): number {
  for (let index = start; index < text.length; index += 1) {
    if (text[index] !== ",") continue;
    if (text[index + 1] !== ",") return index;
    index += 1;
  }
  return text.length;
}

function pair(key: string, value: string): Item {
  return { form: "pair", key, value, text: `${key}=${doubleCommas(value)}` };
}

function implied(key: string, value: string): Item {
  return { form: "implied", key, value, text: doubleCommas(value) };
}

/** Whether a text without its key would be parsed as a value. */
function canBeImplied(text: string): boolean {
  return text !== "" && !text.includes("=");
}

/** Doubles every comma, as in a value. */
function doubleCommas(text: string): string {
  return text.replaceAll(",", ",,");
}

function halveCommas(text: string): string {
  return text.replaceAll(",,", ",");
}
