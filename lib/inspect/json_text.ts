/**
 * JSON that is written while it is made: a state of megabytes is not held as
 * text. Objects and lists take a line for each member; lists of scalars one.
 *
 * @module
 */

import { inertJson } from "../inert.ts";

/** A value that has no parts: bytes are hex, bigints decimal strings. */
type JsonScalar = string | number | boolean | bigint | null | Uint8Array;

/**
 * What can be written. Members that are undefined are left out; a Map is an
 * object whose keys may be anything, an iterator a list whose elements are made
 * one by one.
 */
export type Json =
  | JsonScalar
  | readonly Json[]
  | IteratorObject<Json>
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json | undefined };

/** Characters that gather before they are handed on. */
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
  readonly #write: (text: string) => void;
  #text = "";

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** @param indent what a line of its own begins with */
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
    this.#write(this.#text);
    this.#text = "";
  }
}

/** Tables have thousands of numbers: no text is made of each then. */
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
