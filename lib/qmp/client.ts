/**
 * A client of a QMP monitor.
 *
 * ```
 *   connect ──▶ greeting ──▶ qmp_capabilities ──▶ commands, events ──▶ closed
 *      │            │                │                   │
 *      └────────────┴── QmpConnectError, QmpTimeoutError ┴─ QmpError
 * ```
 *
 * The peer is not trusted: a guest may own its QEMU. Every message is bounded
 * in size and depth, and nothing is waited for without a deadline.
 *
 * What QEMU owes to a client that has gone it sends to the next one, even
 * before the greeting. So every connection numbers its commands from a number
 * of its own, and what answers none of them is passed over.
 *
 * @module
 */

import {
  explain,
  greeted,
  openOrExplain,
  untilConnected,
} from "./connecting.ts";
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

/** A thousand images, or a chain of hundreds, take a few megabytes. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;
/** Values in one, and what each is counted as besides its text. */
const MAX_VALUES = 256 * 1024;
const BYTES_PER_VALUE = 64;
/**
 * Of all replies over a connection, since answers are kept, as they are in
 * memory: an update of such a machine asks for each thing a few times.
 */
const MAX_BYTES = 32 * 1024 * 1024;
/** The largest events carry a device path and a few numbers. */
const MAX_EVENT_BYTES = 64 * 1024;
/** QEMU owes a client that has gone a handful, each no larger than ours. */
const MAX_PASSED_OVER = 1000;
const MAX_PASSED_OVER_BYTES = MAX_REPLY_BYTES;
/** As deep as QEMU's own parser goes; a long backing chain needs hundreds. */
const MAX_DEPTH = 1024;
/**
 * A command ends with its last bracket. QEMU reads its monitor byte by byte,
 * each taking some microseconds, and a line feed that it has not read when it
 * ends or execs turns the end of the connection into a reset.
 */
const NO_TERMINATOR = "";
/** For a reply. QEMU answers within its main loop, which I/O may hold up. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** How to connect. */
export interface ConnectOptions extends Patience {
  /**
   * Come back with the greeting, while the negotiation is under way: what is
   * sent meanwhile is answered after it, or fails with it. A QEMU that starts
   * greets when half of its start is over, and answers at the end.
   */
  readonly early?: boolean;
  /** The longest message that is read; default: that of any question. */
  readonly maxReplyBytes?: number;
}

/** How to run a command. */
export interface ExecuteOptions extends Partial<Patience> {
  /** Descriptors that go with it, as `getfd` and `add-fd` want them. */
  readonly descriptors?: readonly number[];
}

interface Pending {
  readonly command: string;
  readonly resolve: (value: Json) => void;
  readonly reject: (error: QmpError) => void;
}

/** A connection to a QMP monitor, past its handshake. */
export class QmpClient implements AsyncDisposable {
  /** Where the monitor listens. */
  readonly address: QmpAddress;
  /** Bounds every command by this moment of `performance.now()`. */
  deadline = Infinity;
  /** Resolves, never rejects, with the reason when the connection ends. */
  readonly closed: Promise<QmpError>;
  readonly #wire: Wire;
  readonly #peer: Peer | null;
  readonly #greeted = Promise.withResolvers<Greeting>();
  #greeting: Greeting | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Set<EventWatch>();
  readonly #received: Promise<void>;
  readonly #ended = Promise.withResolvers<QmpError>();
  #end: QmpError | undefined;
  #nextId = firstId();
  #passedOver = 0;
  #passedOverBytes = 0;
  #bytes = 0;

  private constructor(
    transport: Transport,
    address: QmpAddress,
    maxBytes: number,
  ) {
    this.address = address;
    this.#peer = transport.peer;
    this.#wire = new Wire(transport, {
      maxBytes,
      maxDepth: MAX_DEPTH,
      maxValues: MAX_VALUES,
    }, NO_TERMINATOR);
    this.closed = this.#ended.promise;
    // An end before the greeting reaches whoever awaits it, or nobody.
    this.#greeted.promise.catch(() => {});
    this.#received = this.#receive();
  }

  /**
   * Connects, checks the greeting and negotiates.
   *
   * @throws {QmpConnectError} if nobody answers; {@linkcode QmpBusyError} if
   *   another client is being served
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
    const transport = await openOrExplain(address, patience);
    const client = new QmpClient(
      transport,
      address,
      patience.maxReplyBytes ?? MAX_REPLY_BYTES,
    );
    try {
      await greeted(client.#greeted.promise, left());
      client.#requireLivingPeer(transport);
      const negotiated = client.execute("qmp_capabilities", undefined, left());
      // What comes after it fails as it did.
      if (patience.early) negotiated.catch(() => {});
      else await negotiated;
      return client;
    } catch (error) {
      // The queue tells more while our own connection is still part of it.
      const explained = await explain(error, address, patience, client.peer);
      await client.close();
      throw explained;
    }
  }

  /**
   * Connects to a monitor that is going away and coming back, as over exec:
   * its socket may be missing, refuse, or belong to the dying program, which
   * accepts and drops. Tries again until the greeting comes.
   *
   * @throws {QmpError} the last attempt's, when `timeoutMs` have passed
   */
  static connectAgain(
    address: QmpAddress,
    { timeoutMs, ...options }: ConnectOptions,
  ): Promise<QmpClient> {
    return untilConnected(
      (left) => QmpClient.connect(address, { ...options, timeoutMs: left }),
      timeoutMs,
    );
  }

  /** What the monitor said of itself. */
  get greeting(): Greeting {
    if (this.#greeting === undefined) throw new TypeError("Not yet greeted");
    return this.#greeting;
  }

  /** The version in the greeting. */
  get version(): QemuVersion {
    return this.greeting.version;
  }

  /** The process that listens; null over TCP, and if it cannot be seen. */
  get peer(): Peer | null {
    return this.#peer;
  }

  /**
   * Runs a command and returns what it returns.
   *
   * A reply that is merely late leaves the connection usable.
   *
   * @throws {QmpCommandError} if the monitor refused it
   * @throws {QmpTimeoutError} if no reply came in time
   * @throws {QmpClosedError} if the connection ended first
   * @throws {QmpProtocolError} if the monitor broke the protocol meanwhile
   */
  async execute(
    command: string,
    args?: JsonObject,
    options: ExecuteOptions = {},
  ): Promise<Json> {
    if (this.#end !== undefined) throw this.#end;
    const { signal, descriptors } = options;
    const timeoutMs = Math.max(
      0,
      Math.min(
        options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        this.deadline - performance.now(),
      ),
    );
    const id = this.#nextId++;
    const request: JsonObject = { execute: command, id };
    if (args !== undefined) request["arguments"] = args;
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    let sent = false;
    this.#wire.send(request, descriptors).then(
      () => sent = true,
      (error) => {
        // What the peer said before it left is still to be read, and then its
        // end: the connection ends there.
        this.#pending.delete(id);
        reject(this.#asEnd(error));
      },
    );
    this.#pending.set(id, { command, resolve, reject });
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
      if (this.#pending.delete(id)) {
        // Half a command in the socket would swallow the next one.
        if (!sent) this.#finish(this.#asEnd(error));
      }
      throw error;
    }
  }

  /**
   * Starts recording events.
   *
   * @param names record only these
   */
  watch(names?: readonly string[]): EventWatch {
    const watch = new EventWatch(names, (it) => this.#watches.delete(it));
    if (this.#end === undefined) this.#watches.add(watch);
    else watch.finish(this.#end);
    return watch;
  }

  /**
   * Reads nothing of what the monitor says, so that it takes no time: its
   * answers and events wait in the socket, and then the monitor.
   */
  pause(): void {
    this.#wire.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#wire.resume();
  }

  /**
   * Ends the connection after what the monitor has said until now: its events
   * reach their watches, whatever it does from now on. Over TCP what was not
   * read yet is lost.
   */
  async drain(): Promise<void> {
    this.#wire.drain();
    await this.#received;
  }

  /** Ends the connection; again is harmless. */
  async close(): Promise<void> {
    this.#finish(
      new QmpClosedError(
        "local",
        `The connection to the monitor "${this.#where}" was closed`,
      ),
    );
    await this.#received;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A listening socket may outlive its program, and names the one that listened
   * last: while its successor starts, that is one that has ended. Who greets
   * has begun to listen, so that the next connection names it.
   *
   * @throws {QmpConnectError}
   */
  #requireLivingPeer(transport: Transport): void {
    if (this.#end !== undefined) throw this.#end;
    if (this.#peer === null || !transport.peerHasEnded()) return;
    throw new QmpConnectError(
      "dropped",
      `Cannot connect to the monitor "${this.#where}": process ` +
        `${this.#peer.pid}, which listened there, has ended, and another ` +
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
          throw this.#lie(`sent junk at byte ${offset}: ${problem}`);
        }
        const { message, bytes, values } = incoming;
        this.#dispatch(message, bytes, bytes + values * BYTES_PER_VALUE);
      }
      this.#finish(
        this.#wire.midMessage
          ? this.#lie("ended the connection in the middle of a message")
          : new QmpClosedError(
            "eof",
            `The monitor "${this.#where}" ended the connection`,
          ),
      );
    } catch (error) {
      this.#finish(this.#asEnd(error));
    }
  }

  #dispatch(message: Json, bytes: number, inMemory: number): void {
    if (!isObject(message)) throw this.#lie("sent an array");
    if (this.#greeting === undefined) {
      this.#greeting = parseGreeting(message);
      if (this.#greeting === undefined) {
        if (parseReply(message) || "event" in message) {
          return this.#passOver(bytes);
        }
        throw this.#lie("sent no greeting");
      }
      this.#greeted.resolve(this.#greeting);
    } else if ("event" in message) {
      const event = bytes <= MAX_EVENT_BYTES ? parseEvent(message) : undefined;
      if (event === undefined) throw this.#lie("sent a malformed event");
      for (const watch of this.#watches) {
        if (!watch.record(event, inMemory)) {
          throw this.#lie("floods us with events");
        }
      }
    } else {
      this.#answer(message, bytes, inMemory);
    }
  }

  #answer(message: JsonObject, bytes: number, inMemory: number): void {
    const reply = parseReply(message);
    if (reply === undefined) {
      throw this.#lie("sent neither a reply nor an event");
    }
    const { failure, value = null } = reply;
    const id = reply.id ?? this.#unidentified(failure !== undefined);
    if (typeof id !== "number") return this.#passOver(bytes);
    const pending = this.#pending.get(id);
    if (pending === undefined) return this.#passOver(bytes);
    this.#bytes += inMemory;
    if (this.#bytes > MAX_BYTES) throw this.#lie("floods us with answers");
    this.#pending.delete(id);
    if (failure === undefined) {
      pending.resolve(value);
    } else {
      const { errorClass, description } = failure;
      pending.reject(
        new QmpCommandError(pending.command, errorClass, description),
      );
    }
  }

  /**
   * QEMU cannot repeat the id of a command that it could not parse. It answers
   * in order, so that the error belongs to the oldest command.
   */
  #unidentified(isError: boolean): number | undefined {
    const [oldest] = this.#pending.keys();
    return isError ? oldest : undefined;
  }

  /** What is owed to others comes to an end. */
  #passOver(bytes: number): void {
    this.#passedOverBytes += bytes;
    const isFlood = ++this.#passedOver > MAX_PASSED_OVER ||
      this.#passedOverBytes > MAX_PASSED_OVER_BYTES;
    if (isFlood) {
      throw this.#lie("floods us with answers to others");
    }
  }

  #lie(what: string): QmpProtocolError {
    return new QmpProtocolError(
      `The monitor "${this.#where}" broke the protocol: it ${what}`,
      {
        remedy: "Give the socket of a QMP monitor, not of the human monitor " +
          "or a serial port",
      },
    );
  }

  #asEnd(cause: unknown): QmpError {
    if (cause instanceof QmpError) return cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    return new QmpClosedError(
      "reset",
      `The connection to the monitor "${this.#where}" broke: ${detail}`,
      { cause },
    );
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

/** Unlikely to be another connection's, and as long as any in its digits. */
function firstId(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return 2 ** 31 + random % 2 ** 31;
}
