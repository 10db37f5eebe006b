/**
 * Who stands between a client and a monitor: it tells the client what the real
 * monitor says, or something else, and does things at each command.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { type UnixListener, UnixSocket } from "../../ffi/socket.ts";
import { JsonFramer } from "../../lib/qmp/framer.ts";

const TIMEOUT_MS = 60_000;
const CHUNK = 64 * 1024;

/** Writes to the client, whatever it is. */
export type Say = (text: string) => Promise<void>;

/** What is done, and what is said instead, at each command of a client. */
export interface Script {
  /** Before the command reaches the real monitor. */
  readonly before?: (command: string) => void | Promise<void>;
  /** Says something itself; with true, the real monitor is not asked. */
  readonly instead?: (
    command: string,
    line: string,
    say: Say,
  ) => Promise<boolean>;
  /** The line that is answered in place of what the real monitor says. */
  readonly answer?: (command: string, line: string) => string;
}

/** Answers at a listening socket, one client after the other, as QEMU has it. */
export class Relay implements AsyncDisposable {
  readonly #listener: UnixListener;
  readonly #real: string;
  readonly #relaying: Promise<void>;
  #open: UnixSocket[] = [];
  #over = false;
  #script: Script;

  /** @param real the socket of the real monitor */
  constructor(listener: UnixListener, real: string, script: Script) {
    this.#listener = listener;
    this.#real = real;
    this.#script = script;
    this.#relaying = this.#relayAll();
    this.#relaying.catch(() => undefined); // heard when this is disposed of
  }

  /** Plays another script from now on. */
  play(script: Script): void {
    this.#script = script;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    this.#listener[Symbol.dispose]();
    for (const socket of this.#open) socket[Symbol.dispose]();
    await this.#relaying;
  }

  async #relayAll(): Promise<void> {
    while (!this.#over) {
      try {
        using client = await this.#listener.accept(TIMEOUT_MS);
        using real = await UnixSocket.connect(this.#real, TIMEOUT_MS);
        this.#open = [client, real];
        await this.#relay(client, real);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        if (error.code === "ECANCELED") return;
      }
    }
  }

  async #relay(client: UnixSocket, real: UnixSocket): Promise<void> {
    const asked: string[] = [];
    const answering = this.#answer(client, real, asked);
    const say: Say = (text) =>
      client.send(new TextEncoder().encode(text), TIMEOUT_MS);
    try {
      for await (const line of received(client)) {
        const command = commandIn(line);
        await this.#script.before?.(command);
        if (await this.#script.instead?.(command, line, say)) continue;
        asked.push(command);
        await send(real, line);
      }
    } finally {
      real[Symbol.dispose]();
      await answering;
    }
  }

  async #answer(
    client: UnixSocket,
    real: UnixSocket,
    asked: string[],
  ): Promise<void> {
    try {
      for await (const line of received(real)) {
        const isReply = /^\{\s*"(return|error)":/.test(line);
        const command = isReply ? asked.shift() ?? "" : "";
        await send(client, this.#script.answer?.(command, line) ?? line);
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error; // one of the two is gone
    } finally {
      client[Symbol.dispose]();
    }
  }
}

function commandIn(line: string): string {
  return /"execute":\s*"([^"]+)"/.exec(line)?.[1] ?? "";
}

async function send(socket: UnixSocket, line: string): Promise<void> {
  await socket.send(new TextEncoder().encode(`${line}\n`), TIMEOUT_MS);
}

/** The messages that come until the other end closes, or this one is closed. */
async function* received(socket: UnixSocket): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const framer = new JsonFramer({ maxBytes: 1 << 26, maxDepth: 1000 });
  for (;;) {
    let bytes: Uint8Array;
    try {
      ({ bytes } = await socket.receiveWithDescriptors(CHUNK, TIMEOUT_MS));
    } catch (error) {
      const ended = ["ECANCELED", "ECONNRESET", "EBADF"];
      if (error instanceof OsError && ended.includes(error.code)) return;
      throw error;
    }
    if (bytes.length === 0) return;
    for (const frame of framer.push(bytes)) {
      if (frame.kind === "message") yield decoder.decode(frame.bytes);
    }
  }
}
