/**
 * A QMP server: a table of commands, served on any number of sockets, each to
 * one client at a time.
 *
 * ```
 *   accept ──▶ greeting ──▶ negotiation ──▶ commands, events ──┐
 *     ▲  others wait in the socket's queue                     │
 *     └──────────────── disconnect ◀───────────────────────────┘
 * ```
 *
 * @module
 */

import { UnixListener } from "../../ffi/socket.ts";
import { removeDeadSocket } from "../gone.ts";
import { messageOf } from "../errors.ts";
import {
  DenoTransport,
  type QmpAddress,
  showAddress,
  type Transport,
  UnixServerTransport,
} from "./transport.ts";
import { type CommandTable, Conversation, runCommand } from "./conversation.ts";
import { QmpError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import type { QemuVersion } from "./messages.ts";

/** How long close() waits for a client to read its last reply. */
const PARTING_MS = 1000;

/** A server cannot listen at an address. */
export class QmpListenError extends QmpError {
  /** The cause says why the address cannot be used. */
  constructor(address: QmpAddress, cause: unknown) {
    super(
      "qmp-listen",
      `Cannot listen at "${showAddress(address)}": ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** A listening socket. Closing it ends a pending accept. */
interface Listener {
  readonly address: QmpAddress;
  accept(): Promise<Transport>;
  close(): void;
}

/** A listening socket of a server. */
export interface Listening {
  /** The address, with the chosen port if 0 was requested. */
  readonly address: QmpAddress;
  /** Resolves when the first client has connected, as for `wait=on`. */
  readonly connected: Promise<void>;
}

/**
 * A QMP server.
 *
 * @example
 * ```ts
 * import { command, QmpServer, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = new QmpServer({
 *   version: { major: 11, minor: 1, micro: 0, package: "" },
 *   commands: new Map([
 *     ["echo", command({ text: text() }, ({ text }) => text)],
 *   ]),
 * });
 * server.listen({ host: "127.0.0.1", port: 0 });
 * assertEquals(await server.execute("echo", { text: "hello" }), "hello");
 * ```
 */
export class QmpServer implements AsyncDisposable {
  readonly #commands: CommandTable;
  readonly #greeting: JsonObject;
  readonly #listeners = new Set<Listener>();
  readonly #clients = new Set<Conversation>();
  readonly #serving: Promise<void>[] = [];

  /** Serves nobody before {@linkcode listen}. */
  constructor(
    { version, commands }: { version: QemuVersion; commands: CommandTable },
  ) {
    const { package: packaged, ...qemu } = version;
    this.#greeting = {
      QMP: { version: { qemu, package: packaged }, capabilities: [] },
    };
    this.#commands = commands;
  }

  /**
   * Listens at one more address. An existing socket file is replaced.
   *
   * @throws {QmpListenError} if it cannot listen there
   */
  listen(address: QmpAddress): Listening {
    let listener: Listener;
    try {
      listener = bind(address);
    } catch (error) {
      throw new QmpListenError(address, error);
    }
    this.#listeners.add(listener);
    const connected = Promise.withResolvers<void>();
    this.#serving.push(this.#serve(listener, connected.resolve));
    return { address: listener.address, connected: connected.promise };
  }

  /**
   * Runs a command as a client would, without negotiation.
   *
   * @throws {CommandFailure} if there is no such command, or for invalid
   *   arguments; anything that the command throws
   */
  async execute(name: string, args: JsonObject = {}): Promise<Json> {
    return await runCommand(this.#commands, name, args);
  }

  /** Sends an event to every client, with the current time. */
  emit(name: string, data?: JsonObject): void {
    const event: JsonObject = { timestamp: now(), event: name };
    if (data !== undefined) event["data"] = data;
    for (const client of this.#clients) client.notify(event);
  }

  /**
   * Resolves when all output is written. A program must await this before an
   * exec, which would lose pending output.
   *
   * @param timeoutMs bounds the wait for clients that do not read
   */
  async flush(timeoutMs: number): Promise<void> {
    const clients = [...this.#clients];
    await atMost(timeoutMs, clients.map((client) => client.flushed()));
  }

  /**
   * Stops listening, removes the socket files, waits for the replies to running
   * commands, and ends all connections. A command must not await this.
   */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    const clients = [...this.#clients];
    await atMost(PARTING_MS, clients.map((client) => client.answered()));
    for (const client of this.#clients) client.close();
    await Promise.all(this.#serving);
  }

  /** See {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(listener: Listener, connected: () => void): Promise<void> {
    for (;;) {
      const transport = await this.#accept(listener);
      if (transport === undefined) return;
      connected();
      const client = new Conversation(transport, this.#commands);
      this.#clients.add(client);
      await client.serve(this.#greeting);
      this.#clients.delete(client);
    }
  }

  /** Undefined once the monitor is closing. */
  async #accept(listener: Listener): Promise<Transport | undefined> {
    try {
      const transport = await listener.accept();
      if (this.#listeners.has(listener)) return transport;
      transport.close();
    } catch (error) {
      if (this.#listeners.has(listener)) throw error;
    }
    return undefined;
  }
}

async function atMost(
  timeoutMs: number,
  work: readonly Promise<void>[],
): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([Promise.all(work), late]);
  clearTimeout(timer);
}

function bind(address: QmpAddress): Listener {
  if (!("path" in address)) {
    const { host: hostname, port } = address;
    const listener = Deno.listen({ hostname, port });
    return {
      address: { host: listener.addr.hostname, port: listener.addr.port },
      accept: async () => new DenoTransport(await listener.accept()),
      close: () => listener.close(),
    };
  }
  const { path } = address;
  removeDeadSocket(path);
  const listener = UnixListener.listen(path);
  return {
    address,
    accept: async () =>
      new UnixServerTransport(await listener.accept(Infinity)),
    close() {
      listener[Symbol.dispose]();
      removeDeadSocket(path);
    },
  };
}

function now(): JsonObject {
  const milliseconds = performance.timeOrigin + performance.now();
  const microseconds = Math.round(milliseconds * 1000);
  return {
    seconds: Math.floor(microseconds / 1_000_000),
    microseconds: microseconds % 1_000_000,
  };
}
