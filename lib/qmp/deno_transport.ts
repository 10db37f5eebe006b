/** A connection of Deno's own: TCP, and what a server accepted. */

import { READ_BYTES, type Transport } from "./transport.ts";

/** Owns the connection. */
export class DenoTransport implements Transport {
  readonly peer = null;
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(READ_BYTES);

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  peerHasEnded(): boolean {
    return false;
  }

  async read(): Promise<Uint8Array | null> {
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
    this.#connection.close();
  }
}
