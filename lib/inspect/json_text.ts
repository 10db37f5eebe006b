/**
 * Writes JSON in pieces, so that the text of a large state is not held in
 * memory. Objects and lists have a line for each member; a list of scalars is
 * one line.
 *
 * @module
 */

import { inertJson } from "../inert.ts";

/** A scalar: bytes are written as hex, bigints as decimal strings. */
type JsonScalar = string | number | boolean | bigint | null | Uint8Array;

/**
 * A value that can be written. Undefined members are omitted; a Map is an
 * object with arbitrary keys, an iterator a list whose elements are created one
 * by one.
 */
export type Json =
  | JsonScalar
  | readonly Json[]
  | IteratorObject<Json>
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json | undefined };

/** Characters of one piece. */
const CHUNK = 16 * 1024;

/** Writes one JSON document, in pieces. */
export function writeJsonText(
  value: Json,
  write: (text: string) => void,
): void {
  const writer = new JsonWriter(write);
  writer.value(value, "\n");
  writer.end();
}

class JsonWriter {
  #text = "";

  constructor(private readonly write: (text: string) => void) {}

  /** @param indent of a new line */
  value(value: Json, indent: string): void {
    if (value instanceof Uint8Array) this.#bytes(value);
    else if (isScalar(value)) this.#text += scalarText(value);
    else if (Array.isArray(value) && value.every(isScalar)) {
      this.#text += rowText(value);
    } else if (Array.isArray(value) || value instanceof Iterator) {
      this.#list(value, indent);
    } else {
      this.#object(
        value instanceof Map ? value : Object.entries(value),
        indent,
      );
    }
    if (this.#text.length > CHUNK) this.#flush();
  }

  #list(elements: Iterable<Json>, indent: string): void {
    const inner = `${indent}  `;
    let before = inner;
    this.#text += "[";
    for (const element of elements) {
      this.#text += before;
      before = `,${inner}`;
      this.value(element, inner);
    }
    this.#text += before === inner ? "]" : `${indent}]`;
  }

  #object(
    members: Iterable<readonly [string, Json | undefined]>,
    indent: string,
  ): void {
    const inner = `${indent}  `;
    let before = inner;
    this.#text += "{";
    for (const [key, member] of members) {
      if (member === undefined) continue;
      this.#text += `${before}${inertJson(key)}: `;
      before = `,${inner}`;
      this.value(member, inner);
    }
    this.#text += before === inner ? "}" : `${indent}}`;
  }

  /** A buffer may have megabytes. */
  #bytes(bytes: Uint8Array): void {
    this.#text += '"';
    for (let at = 0; at < bytes.length; at += CHUNK) {
      this.#text += bytes.subarray(at, at + CHUNK).toHex();
      if (this.#text.length > CHUNK) this.#flush();
    }
    this.#text += '"';
  }

  end(): void {
    this.#text += "\n";
    this.#flush();
  }

  #flush(): void {
    this.write(this.#text);
    this.#text = "";
  }
}

/** Tables have thousands of numbers: avoids a text for each. */
function rowText(row: readonly JsonScalar[]): string {
  const isTable = row.every((each) => typeof each === "number");
  return `[${(isTable ? row : row.map(scalarText)).join(", ")}]`;
}

function isScalar(value: Json): value is JsonScalar {
  return typeof value !== "object" || value === null ||
    value instanceof Uint8Array;
}

function scalarText(value: JsonScalar): string {
  if (typeof value === "string") return inertJson(value);
  if (typeof value === "bigint") return `"${value}"`;
  return value instanceof Uint8Array ? `"${value.toHex()}"` : String(value);
}
