/**
 * The server's side of QMP: a table of commands, served on any number of
 * sockets, each to one client at a time.
 *
 * ```
 *   accept ──▶ greeting ──▶ negotiation ──▶ commands, events ──┐
 *     ▲  others wait in the socket's queue                     │
 *     └──────────────── the client goes ◀──────────────────────┘
 * ```
 *
 * @module
 */

import { DenoTransport } from "./deno_transport.ts";
import {
  type CommandTable,
  Conversation,
  parseErrorReply,
  runCommand,
} from "./dispatch.ts";
import { QmpError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import type { QemuVersion } from "./messages.ts";
import { type QmpAddress, showAddress } from "./transport.ts";
import { type Incoming, Wire } from "./wire.ts";

/** More than the kernel takes for the words of a command to exec. */
const MAX_INPUT_BYTES = 8 * 1024 * 1024;
/** As deep as QEMU's own parser goes. */
const MAX_DEPTH = 1024;
/** QMP's own rule for what a server sends. */
const LINE_END = "\r\n";
/** What may wait for a client that does not read; then it is cut off. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/** What a client has to take its last answer. */
const PARTING_MS = 1000;

/** A socket that a monitor cannot listen on. */
export class QmpListenError extends QmpError {
  override readonly name: string = "QmpListenError";

  constructor(address: QmpAddress, cause: unknown) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    super(
      "qmp-listen",
      `Cannot listen at "${showAddress(address)}": ${detail}`,
      { cause },
    );
  }
}

/** A socket that a monitor listens on. */
export interface Listening {
  /** The address, with the port that the kernel chose if 0 was asked for. */
  readonly address: QmpAddress;
  /** Resolves when the first client has connected, as `wait=on` awaits. */
  readonly connected: Promise<void>;
}

/** A monitor. */
export class QmpServer implements AsyncDisposable {
  readonly #commands: CommandTable;
  readonly #greeting: JsonObject;
  readonly #listeners = new Set<Deno.Listener>();
  readonly #clients = new Set<Client>();
  readonly #serving: Promise<void>[] = [];

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
   * Listens at an address too. A socket file left there is replaced.
   *
   * @throws {QmpListenError}
   */
  listen(address: QmpAddress): Listening {
    let listener: Deno.Listener;
    try {
      listener = bind(address);
    } catch (error) {
      throw new QmpListenError(address, error);
    }
    this.#listeners.add(listener);
    const connected = Promise.withResolvers<void>();
    this.#serving.push(this.#serve(listener, connected.resolve));
    return {
      address: listener.addr.transport === "tcp"
        ? { host: listener.addr.hostname, port: listener.addr.port }
        : address,
      connected: connected.promise,
    };
  }

  /**
   * Runs a command as a client would, past any negotiation.
   *
   * @throws {CommandFailure} if there is no such command, or for its
   *   arguments; whatever the command itself throws
   */
  async execute(name: string, args: JsonObject = {}): Promise<Json> {
    return await runCommand(this.#commands, name, args);
  }

  /** Sends an event, stamped with this moment, to every client. */
  emit(name: string, data?: JsonObject): void {
    const event: JsonObject = { timestamp: now(), event: name };
    if (data !== undefined) event["data"] = data;
    for (const client of this.#clients) client.notify(event);
  }

  /**
   * Resolves when the kernel has taken what was sent so far. A program that
   * is about to exec must await this: what it sent is lost otherwise.
   *
   * @param timeoutMs the longest wait for clients that do not read
   */
  async flush(timeoutMs: number): Promise<void> {
    const clients = [...this.#clients];
    await atMost(timeoutMs, clients.map((client) => client.flushed()));
  }

  /**
   * Listens no more, removes the socket files and, when the commands that are
   * running have been answered, ends all connections. A command must not
   * await this.
   */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    const clients = [...this.#clients];
    await atMost(PARTING_MS, clients.map((client) => client.answered()));
    for (const client of this.#clients) client.close();
    await Promise.all(this.#serving);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(listener: Deno.Listener, connected: () => void): Promise<void> {
    for await (const connection of listener) {
      connected();
      // Accepted while the monitor was closing.
      if (!this.#listeners.has(listener)) return connection.close();
      const client = new Client(connection, this.#commands);
      this.#clients.add(client);
      await client.serve(this.#greeting);
      this.#clients.delete(client);
    }
  }
}

/** One connection, from the greeting to its end. */
class Client {
  readonly #wire: Wire;
  readonly #conversation: Conversation;
  /** The answer in progress, or the last. */
  #answer: Promise<void> = Promise.resolve();

  constructor(connection: Deno.Conn, commands: CommandTable) {
    this.#wire = new Wire(new DenoTransport(connection), {
      maxBytes: MAX_INPUT_BYTES,
      maxDepth: MAX_DEPTH,
    }, LINE_END);
    this.#conversation = new Conversation(commands);
  }

  async serve(greeting: JsonObject): Promise<void> {
    try {
      await this.#wire.send(greeting);
      for await (const incoming of this.#wire.incoming()) {
        this.#answer = this.#reply(incoming);
        await this.#answer;
      }
    } catch {
      // Only the connection can fail here, and that is how clients leave.
    } finally {
      this.#wire.close();
    }
  }

  async #reply(incoming: Incoming): Promise<void> {
    await this.#wire.send(
      "problem" in incoming
        ? parseErrorReply(incoming.problem, incoming.offset)
        : await this.#conversation.answer(incoming.message),
    );
  }

  notify(event: JsonObject): void {
    if (!this.#conversation.negotiated) return;
    if (this.#wire.backlog > MAX_BACKLOG_BYTES) this.close();
    else this.#wire.send(event).catch(() => this.close());
  }

  flushed(): Promise<void> {
    return this.#wire.flushed();
  }

  async answered(): Promise<void> {
    await this.#answer.catch(() => {
      // The client left; serve() ends with it.
    });
    await this.flushed();
  }

  close(): void {
    this.#wire.close();
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

function bind(address: QmpAddress): Deno.Listener {
  if (!("path" in address)) {
    return Deno.listen({ hostname: address.host, port: address.port });
  }
  removeStaleSocket(address.path);
  return Deno.listen({ transport: "unix", path: address.path });
}

/** Left by a program that was killed, or that exec'd as we may have just. */
function removeStaleSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function now(): JsonObject {
  const microseconds = Math.round(
    (performance.timeOrigin + performance.now()) * 1000,
  );
  return {
    seconds: Math.floor(microseconds / 1_000_000),
    microseconds: microseconds % 1_000_000,
  };
}
