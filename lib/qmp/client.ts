/**
 * A client of a QMP monitor.
 *
 * ```
 *   connect ──▶ greeting ──▶ qmp_capabilities ──▶ commands, events ──▶ closed
 *      │            │                │                   │
 *      └────────────┴── QmpConnectError, QmpTimeoutError ┴─ QmpError
 * ```
 *
 * The peer is not trusted: a guest may have taken over its QEMU. Every message
 * is bounded in size and depth, and every wait has a deadline.
 *
 * QEMU sends replies to the commands of a client that has disconnected to the
 * next client, even before the greeting. Therefore each connection starts its
 * command ids at a random number, and ignores replies with other ids.
 *
 * Without the capability "oob", QEMU begins to read a command only after it has
 * replied to the one before. With it, QEMU reads up to eight while it executes
 * them one by one in their order, which saves a third of the time.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { sleep } from "../sleep.ts";
import { explain, isTransient, openOrExplain, Silence } from "./connecting.ts";
import { type Patience, within } from "./deadline.ts";
import {
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpError,
  QmpProtocolError,
  QmpTimeoutError,
} from "./errors.ts";
import { EventWatch } from "./events.ts";
import type { ExecuteOptions, Executor } from "./executor.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import {
  type Greeting,
  parseEvent,
  parseGreeting,
  parseReply,
  type QemuVersion,
} from "./messages.ts";
import {
  type Peer,
  type QmpAddress,
  showAddress,
  type Transport,
} from "./transport.ts";
import { Wire } from "./wire.ts";

/** The reply about a thousand images, or a long backing chain, has some MB. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;
/** Values in one message, and the memory that each takes beside its text. */
const MAX_VALUES = 256 * 1024;
const BYTES_PER_VALUE = 64;
/**
 * The memory of all replies of a connection, as the caller may keep them. An
 * update of such a machine sends each query a few times.
 */
const MAX_BYTES = 32 * 1024 * 1024;
/** The largest events have a device path and a few numbers. */
const MAX_EVENT_BYTES = 64 * 1024;
/** Bounds replies to earlier clients; QEMU sends a few at most. */
const MAX_IGNORED = 1000;
const MAX_IGNORED_BYTES = MAX_REPLY_BYTES;
/** As in QEMU's own parser; a long backing chain needs hundreds. */
const MAX_DEPTH = 1024;
/**
 * A command ends with its closing bracket. QEMU reads its monitor byte by byte,
 * some microseconds each. A line feed that is unread when QEMU exits or execs
 * would reset the connection instead of ending it.
 */
const NO_TERMINATOR = "";
/** Offered unless the monitor shares its character device. */
const READS_AHEAD = "oob";
/** For a reply. QEMU replies from its main loop, which I/O may delay. */
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Between two attempts to connect to a program that is starting. QEMU listens
 * long before it answers; more attempts would only slow it down.
 */
const RETRY_MS = 4;

/** Options of {@linkcode QmpClient.connect}. */
export interface ConnectOptions extends Patience {
  /**
   * Return after the greeting, before the negotiation has completed. Commands
   * sent until then are answered after it, or fail with it. A starting QEMU
   * greets early and answers when its start is complete.
   */
  readonly early?: boolean;
  /**
   * Milliseconds left for commands on this connection, asked at each; default:
   * no limit but a command's own.
   */
  readonly budget?: (() => number) | undefined;
  /** Opens the stream; default: a socket to the address. */
  readonly open?: (() => Promise<Transport>) | undefined;
  /** The longest message that is read; default: 8 MiB. */
  readonly maxReplyBytes?: number;
}

interface Pending {
  readonly command: string;
  readonly hasDescriptors: boolean;
  readonly resolve: (value: Json) => void;
  readonly reject: (error: QmpError) => void;
}

/**
 * A connection to a QMP monitor, after the handshake.
 *
 * @example
 * ```ts
 * import { command, QmpClient, QmpServer } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * const path = `${directory}/qmp`;
 * {
 *   await using server = new QmpServer({
 *     version: { major: 11, minor: 1, micro: 0, package: "" },
 *     commands: new Map([["query-name", command({}, () => ({ name: "vm1" }))]]),
 *   });
 *   server.listen({ path });
 *   await using client = await QmpClient.connect(
 *     { path },
 *     { timeoutMs: 5000 },
 *   );
 *   assertEquals(await client.execute("query-name"), { name: "vm1" });
 * }
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class QmpClient implements AsyncDisposable, Executor {
  /** The process that listens; null over TCP, and if it cannot be seen. */
  readonly peer: Peer | null;
  /** Resolves, never rejects, with the reason when the connection ends. */
  readonly closed: Promise<QmpError>;
  readonly #wire: Wire;
  readonly #budget: () => number;
  readonly #greeted = Promise.withResolvers<Greeting>();
  #greeting: Greeting | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Set<EventWatch>();
  readonly #received: Promise<void>;
  readonly #ended = Promise.withResolvers<QmpError>();
  #end: QmpError | undefined;
  #nextId = firstId();
  #ignored = 0;
  #ignoredBytes = 0;
  #bytes = 0;

  private constructor(
    private readonly transport: Transport,
    /** Where the monitor listens. */
    readonly address: QmpAddress,
    { maxReplyBytes: maxBytes = MAX_REPLY_BYTES, budget }: ConnectOptions,
  ) {
    this.#budget = budget ?? (() => Infinity);
    this.peer = transport.peer;
    const limits = { maxBytes, maxDepth: MAX_DEPTH, maxValues: MAX_VALUES };
    this.#wire = new Wire(transport, limits, NO_TERMINATOR);
    this.closed = this.#ended.promise;
    // connect() awaits it, unless it has failed by then.
    this.#greeted.promise.catch(() => {});
    this.#received = this.#receive();
  }

  /**
   * Connects, checks the greeting and negotiates.
   *
   * @throws {QmpConnectError} if no monitor answers; {@linkcode QmpBusyError}
   *   if it serves another client
   * @throws {QmpTimeoutError} if the handshake took longer than `timeoutMs`
   * @throws {QmpProtocolError} if what answers is not a QMP monitor
   */
  static async connect(
    address: QmpAddress,
    patience: ConnectOptions,
  ): Promise<QmpClient> {
    const deadline = performance.now() + patience.timeoutMs;
    const left = () => ({
      timeoutMs: deadline - performance.now(),
      signal: patience.signal,
    });
    const transport = await (patience.open?.() ??
      openOrExplain(address, patience));
    const client = new QmpClient(transport, address, patience);
    try {
      await within(client.#greeted.promise, left(), () => new Silence());
      client.#requireLivingPeer();
      const negotiated = client.#negotiate(left());
      // If it fails, later commands fail with the same error.
      if (patience.early) negotiated.catch(() => {});
      else await negotiated;
      return client;
    } catch (error) {
      // Before close(): the socket's queue must contain this connection.
      const explained = await explain(error, address, patience, client.peer);
      await client.close();
      throw explained;
    }
  }

  /**
   * Connects to a monitor that is restarting, as over exec: its socket may be
   * missing, refuse connections, or belong to the old program, which accepts
   * and drops them. Retries until the greeting comes.
   *
   * @throws {QmpError} that of the last attempt, after `timeoutMs`
   */
  static async connectAgain(
    address: QmpAddress,
    { timeoutMs, ...options }: ConnectOptions,
  ): Promise<QmpClient> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = { ...options, timeoutMs: deadline - performance.now() };
      try {
        return await QmpClient.connect(address, left);
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (performance.now() + RETRY_MS >= deadline) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  async #negotiate(patience: Patience): Promise<void> {
    const isOffered = this.greeting.capabilities.includes(READS_AHEAD);
    const args = isOffered ? { enable: [READS_AHEAD] } : undefined;
    await this.execute("qmp_capabilities", args, patience);
  }

  /** The greeting of the monitor. */
  get greeting(): Greeting {
    if (this.#greeting === undefined) throw new TypeError("Not yet greeted");
    return this.#greeting;
  }

  /** The version in the greeting. */
  get version(): QemuVersion {
    return this.greeting.version;
  }

  /**
   * Runs a command and returns its result.
   *
   * After a timeout the connection stays usable.
   *
   * @throws {QmpCommandError} if the reply is an error
   * @throws {QmpTimeoutError} if no reply came in time
   * @throws {QmpClosedError} if the connection ended first
   * @throws {QmpProtocolError} if the monitor violated the protocol
   * @throws {TypeError} if a command with descriptors is sent before the reply
   *   to another: QEMU keeps only those that it has received last
   */
  async execute(
    command: string,
    args?: JsonObject,
    options: ExecuteOptions = {},
  ): Promise<Json> {
    return await this.#execute(command, args, options, this.#budget());
  }

  async #execute(
    command: string,
    args: JsonObject | undefined,
    options: ExecuteOptions,
    budget: number,
  ): Promise<Json> {
    if (this.#end !== undefined) throw this.#end;
    const { signal, descriptors = [] } = options;
    const hasDescriptors = descriptors.length > 0;
    if (
      hasDescriptors &&
      this.#pending.values().some((it) => it.hasDescriptors)
    ) throw new TypeError("Another command with descriptors has no reply yet");
    const { timeoutMs: wanted = DEFAULT_TIMEOUT_MS } = options;
    const timeoutMs = Math.max(0, Math.min(wanted, budget));
    const id = this.#nextId++;
    const request: JsonObject = { execute: command, id };
    if (args !== undefined) request["arguments"] = args;
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    let sent = false;
    this.#wire.send(request, descriptors).then(
      () => sent = true,
      (error) => {
        // The connection ends when what the peer sent before has been read.
        this.#pending.delete(id);
        reject(this.#asEnd(error));
      },
    );
    this.#pending.set(id, { command, hasDescriptors, resolve, reject });
    try {
      return await within(
        promise,
        { timeoutMs, signal },
        () =>
          new QmpTimeoutError(
            `No answer to "${command}" from the monitor "${this.#where}" ` +
              `within ${Math.ceil(timeoutMs)} ms`,
            { remedy: "See whether the process is stopped or hung" },
          ),
      );
    } catch (error) {
      // The next command would follow a part of this one.
      if (this.#pending.delete(id) && !sent) this.#finish(this.#asEnd(error));
      throw error;
    }
  }

  /**
   * Runs commands on this connection within another time budget than its own.
   *
   * @param left the milliseconds that are left, asked at each command
   *
   * @example
   * ```ts
   * import type { QmpClient } from "./mod.ts";
   *
   * async function runStates(client: QmpClient): Promise<unknown[]> {
   *   const end = performance.now() + 5000;
   *   const bounded = client.within(() => end - performance.now());
   *   return [
   *     await bounded.execute("query-status"),
   *     await bounded.execute("query-migrate"),
   *   ];
   * }
   * ```
   */
  within(left: () => number): Executor {
    return {
      execute: (command, args, options = {}) =>
        this.#execute(command, args, options, left()),
    };
  }

  /**
   * Starts recording events.
   *
   * @param names record only these events; default: all
   */
  watch(names?: readonly string[]): EventWatch {
    const watch = new EventWatch(names, (it) => this.#watches.delete(it));
    if (this.#end === undefined) this.#watches.add(watch);
    else watch.finish(this.#end);
    return watch;
  }

  /**
   * Stops reading, so that messages cost no time: replies and events stay in
   * the socket, and when that is full, the monitor blocks.
   */
  pause(): void {
    if (this.#end === undefined) this.transport.pause();
  }

  /** Reads again. */
  resume(): void {
    if (this.#end === undefined) this.transport.resume();
  }

  /**
   * Ends the connection after reading what the monitor has sent until now, so
   * that its events reach their watches. Over TCP, unread data is lost.
   */
  async drain(): Promise<void> {
    this.resume();
    if (this.#end === undefined) this.transport.drain();
    await this.#received;
  }

  /** Ends the connection; idempotent. */
  async close(): Promise<void> {
    const what = `The connection to the monitor "${this.#where}" was closed`;
    this.#finish(new QmpClosedError("local", what));
    await this.#received;
  }

  /** See {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A listening socket may be inherited by another program. Its peer
   * credentials are those of the process that last called listen(2), which may
   * have exited. The process that greets has called it, so that the next
   * connection has its credentials.
   *
   * @throws {QmpConnectError}
   */
  #requireLivingPeer(): void {
    if (this.#end !== undefined) throw this.#end;
    if (this.peer === null || !this.transport.peerHasEnded()) return;
    throw new QmpConnectError(
      "dropped",
      `Cannot connect to the monitor "${this.#where}": process ` +
        `${this.peer.pid}, which listened there, has ended, and another ` +
        "answers in its place",
    );
  }

  get #where(): string {
    return showAddress(this.address);
  }

  async #receive(): Promise<void> {
    try {
      for await (const incoming of this.#wire.incoming()) {
        if ("problem" in incoming) {
          const { problem, offset } = incoming;
          const what = `sent invalid data at byte ${offset}: ${problem}`;
          throw this.#violation(what);
        }
        const { message, bytes, values } = incoming;
        this.#dispatch(message, bytes, bytes + values * BYTES_PER_VALUE);
      }
      const what = `The monitor "${this.#where}" ended the connection`;
      this.#finish(
        this.#wire.midMessage
          ? this.#violation("ended the connection in the middle of a message")
          : new QmpClosedError("eof", what),
      );
    } catch (error) {
      this.#finish(this.#asEnd(error));
    }
  }

  #dispatch(message: Json, bytes: number, inMemory: number): void {
    if (!isObject(message)) throw this.#violation("sent an array");
    if (this.#greeting === undefined) {
      this.#greeting = parseGreeting(message);
      if (this.#greeting === undefined) {
        if (parseReply(message) || "event" in message) {
          return this.#ignore(bytes);
        }
        throw this.#violation("sent no greeting");
      }
      this.#greeted.resolve(this.#greeting);
    } else if ("event" in message) {
      const event = bytes <= MAX_EVENT_BYTES ? parseEvent(message) : undefined;
      if (event === undefined) throw this.#violation("sent a malformed event");
      for (const watch of this.#watches) {
        if (!watch.record(event, inMemory)) {
          throw this.#violation("sent too many events");
        }
      }
    } else {
      this.#answer(message, bytes, inMemory);
    }
  }

  #answer(message: JsonObject, bytes: number, inMemory: number): void {
    const reply = parseReply(message);
    if (reply === undefined) {
      throw this.#violation("sent neither a reply nor an event");
    }
    const { failure, value = null } = reply;
    // QEMU cannot return the id of a command that it could not parse. It
    // replies in order, so the error belongs to the oldest command.
    const [oldest] = this.#pending.keys();
    const id = reply.id ?? (failure && oldest);
    if (typeof id !== "number") return this.#ignore(bytes);
    const pending = this.#pending.get(id);
    if (pending === undefined) return this.#ignore(bytes);
    this.#bytes += inMemory;
    if (this.#bytes > MAX_BYTES) throw this.#violation("sent too many replies");
    this.#pending.delete(id);
    if (failure === undefined) return pending.resolve(value);
    const { errorClass, description } = failure;
    const { command, reject } = pending;
    reject(new QmpCommandError(command, errorClass, description));
  }

  /** Ignores a reply to an earlier client; their number and size are bounded. */
  #ignore(bytes: number): void {
    this.#ignoredBytes += bytes;
    const isFlood = ++this.#ignored > MAX_IGNORED ||
      this.#ignoredBytes > MAX_IGNORED_BYTES;
    if (isFlood) {
      throw this.#violation("sent too many replies to earlier clients");
    }
  }

  #violation(what: string): QmpProtocolError {
    return new QmpProtocolError(
      `The monitor "${this.#where}" violated the protocol: it ${what}`,
      {
        remedy: "Give the socket of a QMP monitor, not of the human monitor " +
          "or a serial port",
      },
    );
  }

  #asEnd(cause: unknown): QmpError {
    if (cause instanceof QmpError) return cause;
    const what = `The connection to the monitor "${this.#where}" broke`;
    const message = `${what}: ${messageOf(cause)}`;
    return new QmpClosedError("reset", message, { cause });
  }

  #finish(end: QmpError): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#wire.close();
    this.#greeted.reject(end);
    for (const pending of this.#pending.values()) pending.reject(end);
    this.#pending.clear();
    for (const watch of this.#watches) watch.finish(end);
    this.#watches.clear();
    this.#ended.resolve(end);
  }
}

/** Random, so that connections differ, and with a fixed number of digits. */
function firstId(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return 2 ** 31 + random % 2 ** 31;
}
