/** What a process writes, as it comes. */

import { DEADLINE_MS } from "./deadline.ts";

/** Text of a stream, kept from its beginning. */
export class Output {
  #text = "";
  #over = false;
  #changed = Promise.withResolvers<void>();
  /** Resolves when the stream is over. */
  readonly done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.done = this.#collect(stream);
  }

  /** Everything so far. */
  get text(): string {
    return this.#text;
  }

  /**
   * Waits until the text from `start` on has the pattern.
   *
   * @returns the text from `start` to the end of the match
   * @throws {Error} when it does not come in time, or the stream is over
   */
  async until(pattern: RegExp, start = 0): Promise<string> {
    const giveUp = setTimeout(() => this.#wake(), DEADLINE_MS);
    const deadline = performance.now() + DEADLINE_MS;
    try {
      for (;;) {
        const match = pattern.exec(this.#text.slice(start));
        if (match !== null) {
          return this.#text.slice(start, start + match.index + match[0].length);
        }
        if (this.#over || performance.now() >= deadline) {
          throw new Error(
            `Cannot find ${pattern} in:\n${this.#text.slice(start)}`,
          );
        }
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(giveUp);
    }
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += text;
      this.#wake();
    }
    this.#over = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
