/** The JSON form of an option's value, as in `-device '{"driver": …}'`. */

import { OptionValueError } from "./errors.ts";
import {
  type JsonMember,
  type JsonNode,
  type JsonObject,
  parseJsonObject,
} from "./json_spans.ts";
import { type Entry, OptionValue, type Scalar } from "./option_value.ts";

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
  readonly #text: string;
  readonly #root: JsonObject;
  override readonly entries: readonly Entry[];

  private constructor(text: string) {
    super();
    this.#text = text;
    this.#root = parseJsonObject(text);
    this.entries = [...flatten("", this.#root)];
  }

  /**
   * Parses a JSON object.
   *
   * @throws {OptionSyntaxError} if the text is not one
   */
  static parse(text: string): JsonForm {
    return new JsonForm(text);
  }

  /** @throws {OptionValueError} if a parent of a dotted key is not an object */
  override with(key: string, value: Scalar): JsonForm {
    const written = typeof value === "string"
      ? JSON.stringify(value)
      : String(value);
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

  override toString(): string {
    return this.#text;
  }

  /** Adds a member at the object's end, with the spacing of its last one. */
  #insert(parent: JsonObject, key: string, written: string): JsonForm {
    const name = JSON.stringify(key);
    const last = parent.members.at(-1);
    if (last === undefined) {
      return this.#splice(parent.start, parent.end, `{${name}: ${written}}`);
    }
    const colon = this.#text.slice(last.keyEnd, last.value.start);
    const before = parent.members.at(-2);
    const comma = before === undefined
      ? ", "
      : this.#text.slice(before.end, last.start);
    return this.#splice(last.end, last.end, comma + name + colon + written);
  }

  #splice(start: number, end: number, text: string): JsonForm {
    return new JsonForm(
      this.#text.slice(0, start) + text + this.#text.slice(end),
    );
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
