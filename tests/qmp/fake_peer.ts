/** A monitor made by hand: it sends exactly the bytes that a test tells it. */

import { JsonFramer } from "../../lib/qmp/framer.ts";
import type { QmpAddress } from "../../lib/qmp/mod.ts";

export const GREETING =
  `{"QMP": {"version": {"qemu": {"micro": 2, "minor": 1, "major": 11}, ` +
  `"package": "Debian 1:11.1.2+ds-3"}, "capabilities": ["oob"]}}\r\n`;

/** One end of a connection. */
export class Session implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #framer = new JsonFramer({ maxBytes: 1 << 26, maxDepth: 1024 });
  readonly #received: string[] = [];
  #closed = false;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** The next message, as it was written; undefined at the end of the stream. */
  async message(): Promise<string | undefined> {
    const buffer = new Uint8Array(65536);
    while (this.#received.length === 0) {
      const count = await this.#connection.read(buffer);
      if (count === null) return undefined;
      for (const frame of this.#framer.push(buffer.subarray(0, count))) {
        if (frame.kind === "junk") throw new Error(frame.problem);
        this.#received.push(new TextDecoder().decode(frame.bytes));
      }
    }
    return this.#received.shift();
  }

  /** The next command; the client must send one. */
  async command(): Promise<{ execute: string; id: number }> {
    const message = await this.message();
    if (message === undefined) throw new Error("No command came");
    return JSON.parse(message);
  }

  async send(text: string | Uint8Array): Promise<void> {
    let bytes = typeof text === "string"
      ? new TextEncoder().encode(text)
      : text;
    while (bytes.length > 0) {
      bytes = bytes.subarray(await this.#connection.write(bytes));
    }
  }

  /** Greets and answers the negotiation. */
  async handshake(): Promise<void> {
    await this.send(GREETING);
    await this.send(`{"return": {}, "id": ${(await this.command()).id}}\r\n`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A listening unix socket in a directory of its own. */
export class FakePeer implements Disposable {
  readonly address: QmpAddress & { path: string };
  readonly #directory = Deno.makeTempDirSync();
  readonly #listener: Deno.UnixListener;

  constructor() {
    this.address = { path: `${this.#directory}/qmp.sock` };
    this.#listener = Deno.listen({
      transport: "unix",
      path: this.address.path,
    });
  }

  async accept(): Promise<Session> {
    return new Session(await this.#listener.accept());
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}
