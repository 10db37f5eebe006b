/** A connection of Deno's own: TCP, and what a server accepted. */

import { READ_BYTES, type Transport } from "./transport.ts";

/** Owns the connection. */
export class DenoTransport implements Transport {
  readonly peer = null;
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** Resolves when bytes are taken again; undefined while they are. */
  #pause: PromiseWithResolvers<void> | undefined;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  peerHasEnded(): boolean {
    return false;
  }

  /** What a read that is under way takes is still taken. */
  pause(): void {
    this.#pause ??= Promise.withResolvers();
  }

  resume(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#pause !== undefined) await this.#pause.promise;
    const count = await this.#connection.read(this.#buffer);
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
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  /** Deno cannot shut down one direction: what has come is lost. */
  drain(): void {
    this.close();
  }

  close(): void {
    this.resume();
    this.#connection.close();
  }
}
