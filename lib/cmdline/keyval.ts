/**
 * The key=value form of an option's value.
 *
 * ```
 * value = [ item { "," item } [ "," ] ]
 * item  = key "=" text        a doubled comma in text stands for one comma
 *       | text                only first, where the option has an implied key
 *       | key                 an old spelling of key=on; "nokey" of key=off
 * ```
 *
 * @module
 */

import { OptionSyntaxError } from "./errors.ts";
import { type Entry, OptionValue, type Scalar } from "./option_value.ts";

interface Item extends Entry {
  readonly form: "implied" | "pair" | "flag";
  /** As written, commas doubled. */
  readonly text: string;
}

/** An option's value as key=value text. */
export class KeyvalText extends OptionValue {
  readonly #items: readonly Item[];
  /** A last comma after which nothing follows. */
  readonly #tail: "" | ",";

  private constructor(items: readonly Item[], tail: "" | ",") {
    super();
    this.#items = items;
    this.#tail = tail;
  }

  /**
   * Reads `text`.
   *
   * @param impliedKey key of a first item that names none
   * @throws {OptionSyntaxError} if an item has no key
   */
  static parse(text: string, impliedKey?: string): KeyvalText {
    const items: Item[] = [];
    let offset = 0;
    while (offset < text.length) {
      const item = readItem(
        text,
        offset,
        offset === 0 ? impliedKey : undefined,
      );
      items.push(item);
      offset += item.text.length;
      if (text[offset] !== ",") break;
      offset += 1;
      if (offset === text.length) return new KeyvalText(items, ",");
    }
    return new KeyvalText(items, "");
  }

  override get entries(): readonly Entry[] {
    return this.#items;
  }

  override with(key: string, value: Scalar): KeyvalText {
    const text = typeof value === "boolean"
      ? (value ? "on" : "off")
      : String(value);
    const index = this.#items.findLastIndex((item) => item.key === key);
    const old = this.#items[index];
    if (old === undefined) {
      return new KeyvalText([...this.#items, pair(key, text)], "");
    }
    const item = old.form === "implied" && canBeImplied(text)
      ? { ...old, value: text, text: doubleCommas(text) }
      : pair(key, text);
    return new KeyvalText(this.#items.with(index, item), this.#tail);
  }

  override without(key: string): KeyvalText {
    if (!this.has(key)) return this;
    const [first, ...rest] = this.#items.filter((item) => item.key !== key);
    if (first === undefined) return new KeyvalText([], "");
    // A flag that moves to the front would be read as the implied key's value,
    // and an empty implied value that is left alone as nothing at all.
    const alone = rest.length === 0 && this.#tail === "";
    const mistakable = first.form === "flag" || (first.text === "" && alone);
    const head = mistakable ? pair(first.key, first.value) : first;
    return new KeyvalText([head, ...rest], this.#tail);
  }

  override toString(): string {
    return this.#items.map((item) => item.text).join(",") + this.#tail;
  }
}

function readItem(text: string, start: number, impliedKey?: string): Item {
  const stop = indexOfAny(text, start);
  const word = text.slice(start, stop);
  if (text[stop] === "=") {
    if (word === "") throw new OptionSyntaxError(text, start, "no key");
    const end = endOfText(text, stop + 1);
    return {
      form: "pair",
      key: word,
      value: halveCommas(text.slice(stop + 1, end)),
      text: text.slice(start, end),
    };
  }
  if (impliedKey !== undefined) {
    const written = text.slice(start, endOfText(text, start));
    return {
      form: "implied",
      key: impliedKey,
      value: halveCommas(written),
      text: written,
    };
  }
  if (word === "") throw new OptionSyntaxError(text, start, "no key");
  return word.startsWith("no") && word.length > 2
    ? { form: "flag", key: word.slice(2), value: "off", text: word }
    : { form: "flag", key: word, value: "on", text: word };
}

/** The first "=" or "," from `start`, or the end. */
function indexOfAny(text: string, start: number): number {
  let index = start;
  while (index < text.length && text[index] !== "=" && text[index] !== ",") {
    index += 1;
  }
  return index;
}

/** The first comma from `start` that is not doubled, or the end. */
function endOfText(text: string, start: number): number {
  let index = start;
  while (index < text.length) {
    if (text[index] === ",") {
      if (text[index + 1] !== ",") return index;
      index += 1;
    }
    index += 1;
  }
  return index;
}

function pair(key: string, value: string): Item {
  return { form: "pair", key, value, text: `${key}=${doubleCommas(value)}` };
}

/** Whether a text without its key would still be read as a value. */
function canBeImplied(text: string): boolean {
  return text !== "" && !text.includes("=");
}

/** Doubles every comma, so that the text can stand as a value. */
function doubleCommas(text: string): string {
  return text.replaceAll(",", ",,");
}

function halveCommas(text: string): string {
  return text.replaceAll(",,", ",");
}
