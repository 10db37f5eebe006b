/**
 * The JSON form of an option's value, as in `-device '{"driver": …}'`: a parser
 * that records the position of each value in the text, so that one value can be
 * replaced and the rest kept. Accepts what QEMU accepts: JSON, and strings in
 * single quotes.
 *
 * @module
 */

import { OptionSyntaxError, OptionValueError } from "./errors.ts";
import {
  type Entry,
  MOST_KEYS,
  OptionValue,
  type Scalar,
} from "./option_value.ts";

/**
 * An option's value as JSON; edits keep the rest of its text.
 *
 * @example
 * ```ts
 * import { JsonForm } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const node = JsonForm.parse('{"driver": "raw", "file": {"driver": "file"}}');
 * assertEquals(node.get("file.driver"), "file");
 * assertEquals(
 *   node.without("file").with("read-only", true).toString(),
 *   '{"driver": "raw", "read-only": true}',
 * );
 * ```
 */
export class JsonForm extends OptionValue {
  readonly #root: JsonObject;
  /** Every key with its value, nested keys dotted. */
  override readonly entries: readonly Entry[];

  private constructor(private readonly text: string) {
    super();
    this.#root = parseJsonObject(text);
    this.entries = [...flatten("", this.#root)];
    if (this.entries.length > MOST_KEYS) {
      throw new OptionSyntaxError(text, 0, "too many keys");
    }
  }

  /**
   * Parses a JSON object.
   *
   * @throws {OptionSyntaxError} if the text is not one, or has too many keys
   */
  static parse(text: string): JsonForm {
    return new JsonForm(text);
  }

  /**
   * A copy in which `key` has this value.
   *
   * @throws {OptionValueError} if a parent of a dotted key is not an object
   */
  override with(key: string, value: Scalar): JsonForm {
    const isText = typeof value === "string";
    const written = isText ? JSON.stringify(value) : String(value);
    let parent = this.#root;
    const path = key.split(".");
    for (const [depth, name] of path.entries()) {
      const member = memberOf(parent, name);
      const rest = path.slice(depth + 1);
      if (member === undefined) {
        return this.#insert(parent, name, nest(rest, written));
      }
      if (rest.length === 0) {
        return this.#splice(member.value.start, member.value.end, written);
      }
      if (member.value.kind !== "object") break;
      parent = member.value;
    }
    throw new OptionValueError(key, String(value), "its parent holds no keys");
  }

  /** A copy without `key`; this object if there is no such key. */
  override without(key: string): JsonForm {
    let parent = this.#root;
    const path = key.split(".");
    const last = path.pop() ?? "";
    for (const name of path) {
      const value = memberOf(parent, name)?.value;
      if (value?.kind !== "object") return this;
      parent = value;
    }
    const { members } = parent;
    const index = members.findIndex((member) => member.key === last);
    const member = members[index];
    if (member === undefined) return this;
    const next = members[index + 1];
    if (next !== undefined) return this.#splice(member.start, next.start, "");
    const start = members[index - 1]?.end ?? member.start;
    return this.#splice(start, member.end, "");
  }

  /** The text, as JSON. */
  override toString(): string {
    return this.text;
  }

  /** Adds a member at the object's end, with the spacing of its last one. */
  #insert(parent: JsonObject, key: string, written: string): JsonForm {
    const name = JSON.stringify(key);
    const last = parent.members.at(-1);
    if (last === undefined) {
      return this.#splice(parent.start, parent.end, `{${name}: ${written}}`);
    }
    const colon = this.text.slice(last.keyEnd, last.value.start);
    const before = parent.members.at(-2);
    const comma = before === undefined
      ? ", "
      : this.text.slice(before.end, last.start);
    return this.#splice(last.end, last.end, comma + name + colon + written);
  }

  #splice(start: number, end: number, by: string): JsonForm {
    const { text } = this;
    return new JsonForm(text.slice(0, start) + by + text.slice(end));
  }
}

function memberOf(object: JsonObject, key: string): JsonMember | undefined {
  return object.members.find((member) => member.key === key);
}

/** The value, nested in an object for each key. */
function nest(keys: readonly string[], written: string): string {
  return keys.reduceRight(
    (inner, key) => `{${JSON.stringify(key)}: ${inner}}`,
    written,
  );
}

function* flatten(prefix: string, node: JsonNode): Generator<Entry> {
  switch (node.kind) {
    case "scalar":
      yield { key: prefix, value: node.value };
      break;
    case "array":
      for (const [index, element] of node.elements.entries()) {
        yield* flatten(dotted(prefix, String(index)), element);
      }
      break;
    case "object":
      for (const { key, value } of node.members) {
        yield* flatten(dotted(prefix, key), value);
      }
  }
}

function dotted(prefix: string, key: string): string {
  return prefix === "" ? key : `${prefix}.${key}`;
}

/** Offsets of a value in the text, end exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** A string, number, true, false or null. */
interface JsonScalar extends Span {
  readonly kind: "scalar";
  /** As key=value text would write it: strings bare, true as "on". */
  readonly value: string;
}

/** A member of an object; its span runs from the key to the value's end. */
interface JsonMember extends Span {
  readonly key: string;
  readonly keyEnd: number;
  readonly value: JsonNode;
}

/** An object with its members in the order written. */
interface JsonObject extends Span {
  readonly kind: "object";
  readonly members: readonly JsonMember[];
}

/** An array. */
interface JsonArray extends Span {
  readonly kind: "array";
  readonly elements: readonly JsonNode[];
}

/** Any JSON value with its position. */
type JsonNode = JsonScalar | JsonObject | JsonArray;

/** More than any option needs; bounds the recursion. */
const MAX_DEPTH = 64;

const WORDS: ReadonlyMap<string, string> = new Map([
  ["true", "on"],
  ["false", "off"],
  ["null", ""],
]);

/**
 * Parses a JSON object, with the position of each value.
 *
 * @throws {OptionSyntaxError} if the text is not exactly one JSON object, a
 * key is repeated, or values are nested too deeply
 */
function parseJsonObject(text: string): JsonObject {
  const reader: Reader = new Reader(text);
  const node = reader.value(0);
  if (node.kind !== "object") reader.fail("expected an object", node.start);
  reader.end();
  return node;
}

class Reader {
  #at = 0;

  constructor(readonly text: string) {}

  value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.fail("nested too deeply");
    this.#space();
    switch (this.text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
      case "'": {
        const start = this.#at;
        const value = this.#string();
        return { kind: "scalar", value, start, end: this.#at };
      }
      default:
        return this.#word();
    }
  }

  end(): void {
    this.#space();
    if (this.#at < this.text.length) this.fail("expected the end");
  }

  fail(detail: string, offset = this.#at): never {
    throw new OptionSyntaxError(this.text, offset, detail);
  }

  #object(depth: number): JsonObject {
    const start = this.#at;
    const members: JsonMember[] = [];
    const keys = new Set<string>();
    this.#list("}", () => {
      const member = this.#member(depth);
      if (keys.has(member.key)) {
        this.fail(`key "${member.key}" repeated`, member.start);
      }
      keys.add(member.key);
      members.push(member);
    });
    return { kind: "object", members, start, end: this.#at };
  }

  #member(depth: number): JsonMember {
    const start = this.#at;
    const quote = this.text[start];
    if (quote !== '"' && quote !== "'") this.fail("want a key in quotes");
    const key = this.#string();
    const keyEnd = this.#at;
    this.#space();
    if (this.text[this.#at] !== ":") this.fail('want ":"');
    this.#at += 1;
    const value = this.value(depth + 1);
    return { key, keyEnd, value, start, end: value.end };
  }

  #array(depth: number): JsonArray {
    const start = this.#at;
    const elements: JsonNode[] = [];
    this.#list("]", () => elements.push(this.value(depth + 1)));
    return { kind: "array", elements, start, end: this.#at };
  }

  /** Comma-separated items from the opening bracket to `closing`. */
  #list(closing: string, item: () => void): void {
    this.#at += 1;
    this.#space();
    if (this.text[this.#at] === closing) {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#space();
      item();
      this.#space();
      const mark = this.text[this.#at];
      if (mark !== "," && mark !== closing) {
        this.fail(`expected "," or "${closing}"`);
      }
      this.#at += 1;
      if (mark === closing) return;
    }
  }

  #string(): string {
    const start = this.#at;
    const quote = this.text[start] ?? "";
    let body = "";
    for (this.#at += 1; this.#at < this.text.length; this.#at += 1) {
      const character = this.text[this.#at] ?? "";
      if (character === quote) {
        this.#at += 1;
        return this.#unescape(body, start);
      }
      if (character === "\\") {
        const escaped = this.text[this.#at += 1] ?? "";
        // Standard JSON has no escaped single quote.
        body += escaped === "'" ? "'" : `\\${escaped}`;
      } else {
        body += character === '"' ? '\\"' : character;
      }
    }
    this.fail("unterminated string", start);
  }

  #unescape(body: string, start: number): string {
    try {
      return String(JSON.parse(`"${body}"`));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.fail("string with a bad escape or control character", start);
    }
  }

  #word(): JsonScalar {
    const start = this.#at;
    const [word = ""] = /^[-+.\w]*/.exec(this.text.slice(start)) ?? [];
    const value = WORDS.get(word) ??
      (/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(word) ? word : undefined);
    if (value === undefined) this.fail("expected a JSON value");
    this.#at += word.length;
    return { kind: "scalar", value, start, end: this.#at };
  }

  #space(): void {
    while (/^[ \t\r\n]$/.test(this.text[this.#at] ?? "")) this.#at += 1;
  }
}
