/**
 * JSON that is written while it is made: a state of megabytes is not held as
 * text. Objects and lists take a line for each member; lists of scalars one.
 *
 * @module
 */

import { inertJson } from "../inert.ts";

/** Characters that gather before they are handed on. */
const CHUNK = 16 * 1024;
/** Bytes that are made hex at once. */
const HEX_PIECE = CHUNK;

/** Writes one JSON document; who uses it sees to the order. */
export class JsonText {
  readonly #write: (text: string) => void;
  #text = "";
  #indent = "\n";
  /** True at the start of an object or list. */
  #isFirst = true;
  #hasKey = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  open(bracket: "{" | "["): void {
    this.#place();
    this.#text += bracket;
    this.#indent += "  ";
    this.#isFirst = true;
  }

  close(bracket: "}" | "]"): void {
    this.#indent = this.#indent.slice(0, -2);
    this.#text += this.#isFirst ? bracket : this.#indent + bracket;
    this.#isFirst = false;
    if (this.#text.length > CHUNK) this.#flush();
  }

  key(name: string): void {
    this.#place();
    this.#text += `${inertJson(name)}: `;
    this.#hasKey = true;
  }

  /** Text that is JSON already and takes one line. */
  raw(text: string): void {
    this.#place();
    this.#text += text;
  }

  /** Bytes as hex, in pieces: a buffer may have megabytes. */
  hex(bytes: Uint8Array): void {
    this.raw('"');
    for (let at = 0; at < bytes.length; at += HEX_PIECE) {
      this.#text += bytes.subarray(at, at + HEX_PIECE).toHex();
      if (this.#text.length > CHUNK) this.#flush();
    }
    this.#text += '"';
  }

  /** A member of one line. */
  member(name: string, value: string | number | boolean | null): void {
    this.key(name);
    this.raw(inertJson(value));
  }

  /** Ends the document and hands on what is left. */
  end(): void {
    this.#text += "\n";
    this.#flush();
  }

  #place(): void {
    if (this.#hasKey || this.#indent === "\n") {
      this.#hasKey = false;
      return;
    }
    this.#text += this.#isFirst ? this.#indent : `,${this.#indent}`;
    this.#isFirst = false;
  }

  #flush(): void {
    this.#write(this.#text);
    this.#text = "";
  }
}
