/**
 * Splits a byte stream into JSON messages.
 *
 * A message is a JSON object or array. It ends with its outermost bracket, so
 * a line or a chunk may contain several messages, and a message may span several
 * lines (`-qmp-pretty`) or chunks. Only white space is allowed between messages.
 *
 * ```
 *             { or [                        matching close, depth 0
 *   between ──────────▶ inside (depth ≥ 1) ─────────────────────────▶ message
 *      │                   │      ▲
 *      │ anything else     │ "    │ "
 *      ▼                   ▼      │
 *    junk ◀──────────── in string
 *      │      control byte, too long, too deep
 *      └──▶ skipped up to the next line feed, then between
 * ```
 *
 * @module
 */

/** Bounds of the memory that a peer can make this process use. */
export interface FrameLimits {
  /** Bytes of one message. */
  readonly maxBytes: number;
  /** Brackets open at once. */
  readonly maxDepth: number;
  /**
   * Values in one message, which take far more memory than their bytes;
   * default: no limit.
   */
  readonly maxValues?: number;
}

/** What the framer found. */
export type Frame =
  | {
    readonly kind: "message";
    /** The message, brackets included. */
    readonly bytes: Uint8Array;
    /** Its offset in the stream, in bytes. */
    readonly offset: number;
    /** Upper bound of its values: its commas and opening brackets. */
    readonly values: number;
  }
  | {
    readonly kind: "junk";
    /** Offset of the first invalid byte. */
    readonly offset: number;
    /** What is wrong, as the end of a sentence. */
    readonly problem: string;
  };

const NOTHING = new Uint8Array(0);

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isOpening(byte: number): boolean {
  return byte === 0x7b || byte === 0x5b;
}

function isClosing(byte: number): boolean {
  return byte === 0x7d || byte === 0x5d;
}

function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === 0x0d || byte === 0x09;
}

function show(byte: number): string {
  return byte > SPACE && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
}

/** Cuts a byte stream into JSON messages; see the module's doc. */
export class JsonFramer {
  readonly #maxValues: number;
  #state: "between" | "inside" | "string" | "escape" | "junk" = "between";
  #depth = 0;
  /** Bytes of the stream before the current chunk. */
  #offset = 0;
  /** Offset of the current message. */
  #start = 0;
  #values = 0;
  /** Its bytes from earlier chunks, with spare capacity. */
  #held = NOTHING;
  #heldBytes = 0;

  constructor(private readonly limits: FrameLimits) {
    this.#maxValues = limits.maxValues ?? Infinity;
  }

  /** Whether a message has begun and not ended. */
  get midMessage(): boolean {
    return this.#depth > 0;
  }

  /** Takes the next bytes of the stream and returns what they complete. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let begin = 0;
    // Not entries(), which is four times slower before it is compiled.
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0;
      let problem: string | undefined;
      switch (this.#state) {
        case "between":
          if (isOpening(byte)) {
            this.#state = "inside";
            this.#depth = 1;
            this.#start = this.#offset + index;
            begin = index;
          } else if (!isWhiteSpace(byte)) {
            problem = `${show(byte)} where a message should start`;
          }
          break;
        case "inside":
          if (byte === QUOTE) {
            this.#state = "string";
          } else if (isOpening(byte)) {
            this.#depth++;
            this.#values++;
            if (this.#depth > this.limits.maxDepth) {
              problem = `more than ${this.limits.maxDepth} nested brackets`;
            }
          } else if (isClosing(byte)) {
            this.#depth--;
            if (this.#depth === 0) {
              frames.push(this.#finish(chunk.subarray(begin, index + 1)));
            }
          } else if (byte === COMMA) {
            this.#values++;
          } else if (byte < SPACE && !isWhiteSpace(byte)) {
            problem = `${show(byte)} inside a message`;
          }
          if (this.#values > this.#maxValues) {
            problem = `more than ${this.#maxValues} values`;
          }
          break;
        case "string":
        case "escape":
          if (byte < SPACE) problem = `${show(byte)} inside a string`;
          else if (this.#state === "escape") this.#state = "string";
          else if (byte === QUOTE) this.#state = "inside";
          else if (byte === BACKSLASH) this.#state = "escape";
          break;
        case "junk":
          if (byte === LINE_FEED) this.#state = "between";
          break;
      }
      if (problem !== undefined) {
        frames.push({ kind: "junk", offset: this.#offset + index, problem });
        this.#reset(byte === LINE_FEED ? "between" : "junk");
      }
    }
    if (this.#depth > 0) {
      const tooLong = this.#hold(chunk.subarray(begin));
      if (tooLong) frames.push(tooLong);
    }
    this.#offset += chunk.length;
    return frames;
  }

  #hold(part: Uint8Array): Frame | undefined {
    const length = this.#heldBytes + part.length;
    if (length > this.limits.maxBytes) return this.#tooLong("junk");
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = length;
    return undefined;
  }

  #finish(lastPart: Uint8Array): Frame {
    const length = this.#heldBytes + lastPart.length;
    if (length > this.limits.maxBytes) return this.#tooLong("between");
    const bytes = new Uint8Array(length);
    bytes.set(this.#held.subarray(0, this.#heldBytes));
    bytes.set(lastPart, this.#heldBytes);
    const values = this.#values;
    this.#reset("between");
    return { kind: "message", bytes, offset: this.#start, values };
  }

  #tooLong(next: "between" | "junk"): Frame {
    this.#reset(next);
    return {
      kind: "junk",
      offset: this.#start + this.limits.maxBytes,
      problem: `a message longer than ${this.limits.maxBytes} bytes`,
    };
  }

  #reset(next: "between" | "junk"): void {
    this.#state = next;
    this.#depth = 0;
    this.#values = 0;
    this.#held = NOTHING;
    this.#heldBytes = 0;
  }
}
