/** A connection of Deno's own: TCP, and connections that a server accepts. */

import { READ_BYTES, type Transport } from "./transport.ts";

/** Owns the connection. */
export class DenoTransport implements Transport {
  readonly peer = null;
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** Resolves when reading resumes; undefined while not paused. */
  #pause: PromiseWithResolvers<void> | undefined;

  constructor(private readonly connection: Deno.Conn) {}

  peerHasEnded(): boolean {
    return false;
  }

  /** A pending read still completes. */
  pause(): void {
    this.#pause ??= Promise.withResolvers();
  }

  resume(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#pause !== undefined) await this.#pause.promise;
    const count = await this.connection.read(this.#buffer);
    return count === null ? null : this.#buffer.subarray(0, count);
  }

  async write(
    bytes: Uint8Array,
    descriptors: readonly number[] = [],
  ): Promise<void> {
    if (descriptors.length > 0) {
      throw new TypeError("Only a unix socket carries descriptors");
    }
    let written = 0;
    while (written < bytes.length) {
      written += await this.connection.write(bytes.subarray(written));
    }
  }

  /** Deno cannot shut down one direction: unread bytes are lost. */
  drain(): void {
    this.close();
  }

  close(): void {
    this.resume();
    this.connection.close();
  }
}
