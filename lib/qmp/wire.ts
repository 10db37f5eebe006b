/** JSON messages over a byte stream, in both directions. */

import { type Frame, type FrameLimits, JsonFramer } from "./framer.ts";
import { type Json, parseJson, stringifyJson } from "./json.ts";
import type { Transport } from "./transport.ts";

/** A received message, or why the received bytes are not one. */
export type Incoming =
  | {
    readonly message: Json;
    readonly bytes: number;
    /** Upper bound of its values. */
    readonly values: number;
    readonly offset: number;
  }
  | { readonly problem: string; readonly offset: number };

/** Sends and receives JSON messages; owns the transport. */
export class Wire {
  readonly #framer: JsonFramer;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** The last write: writes must not overtake each other. */
  #written: Promise<void> = Promise.resolve();
  /** Bytes that wait to be written. */
  backlog = 0;
  #closed = false;

  /** @param terminator is written after each message */
  constructor(
    private readonly transport: Transport,
    limits: FrameLimits,
    private readonly terminator: string,
  ) {
    this.#framer = new JsonFramer(limits);
  }

  /** Whether a message has begun and not ended. */
  get midMessage(): boolean {
    return this.#framer.midMessage;
  }

  /** Received messages, until the peer ends the stream. */
  async *incoming(): AsyncGenerator<Incoming, void> {
    for (;;) {
      const chunk = await this.transport.read();
      if (chunk === null) return;
      for (const frame of this.#framer.push(chunk)) {
        yield frame.kind === "message" ? this.#parse(frame) : frame;
      }
    }
  }

  /** Writes one message; resolves when it is in the kernel. */
  send(message: Json, descriptors?: readonly number[]): Promise<void> {
    const text = stringifyJson(message) + this.terminator;
    const bytes = this.#encoder.encode(text);
    this.backlog += bytes.length;
    this.#written = this.#written.then(async () => {
      await this.transport.write(bytes, descriptors);
      this.backlog -= bytes.length;
    });
    return this.#written;
  }

  /** Resolves when all messages are written, or writing has failed. */
  async flushed(): Promise<void> {
    try {
      await this.#written;
    } catch {
      // send() has thrown it.
    }
  }

  /** Ends the stream, and all pending operations; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transport.close();
  }

  #parse(
    { bytes, offset, values }: Extract<Frame, { kind: "message" }>,
  ): Incoming {
    try {
      const message = parseJson(this.#decoder.decode(bytes));
      return { message, bytes: bytes.length, values, offset };
    } catch (error) {
      // SyntaxError from the parser, TypeError from the decoder.
      const isSyntax = error instanceof SyntaxError;
      return { problem: isSyntax ? error.message : "not UTF-8", offset };
    }
  }
}
