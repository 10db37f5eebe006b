/**
 * The channel of a migration stream: a file, or a connection with another
 * process. A peer may be slow, hang, or disappear: every write has a time
 * limit, and {@linkcode Channel.close} ends every wait.
 *
 * ```
 *           file:            fd:          exec:         unix: tcp:
 * outgoing  opened           taken        started       connects
 * incoming  opened           taken        started       listens, accepts one
 * ```
 *
 * @module
 */

import { DescriptorStream } from "../../ffi/descriptor_stream.ts";
import { Fd, getCloexec } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import {
  O_CREAT,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { messageOf } from "../errors.ts";
import {
  formatUri,
  type MigrationAddress,
  type NetAddress,
} from "./address.ts";
import {
  Acceptor,
  Command,
  Connector,
  type Endpoint,
  FileEndpoint,
} from "./endpoint.ts";
import { ChannelError } from "./error.ts";

/** Only the owner may read a VM's state. */
const MODE = 0o600;

/** QEMU's words for it. */
const CONNECTING = "Failed to connect to";

/** Bytes of one read or write. */
const PIECE = 64 * 1024;

/** Which way the stream goes. */
export type Direction = "incoming" | "outgoing";

/** Options of a channel. */
export interface ChannelOptions {
  /** Takes the descriptor that was passed by `getfd` under a name. */
  readonly takeDescriptor?: (name: string) => Fd | undefined;
  /** Longest wait for a peer that takes nothing, in milliseconds. */
  readonly timeoutMs?: number;
}

/** Long for a busy host, and bearable for a guest that waits. */
const TIMEOUT_MS = 10_000;

/**
 * An open channel.
 *
 * @example
 * ```ts
 * import { Channel, parseUri } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const address = parseUri(`file:${path}`);
 * {
 *   using outgoing = Channel.open(address, "outgoing");
 *   await outgoing.connect();
 *   await outgoing.write(Uint8Array.of(0x51, 0x45));
 *   await outgoing.finish();
 * }
 * using incoming = Channel.open(address, "incoming");
 * await incoming.connect();
 * assertEquals(await incoming.read(), Uint8Array.of(0x51, 0x45));
 * assertEquals(await incoming.read(), new Uint8Array());
 * await Deno.remove(path);
 * ```
 */
export class Channel implements Disposable {
  readonly #timeoutMs: number;

  private constructor(
    private readonly address: MigrationAddress,
    private readonly direction: Direction,
    private readonly endpoint: Endpoint,
    options: ChannelOptions,
  ) {
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * Opens a file, takes a descriptor, starts a command, or listens. The file of
   * an outgoing stream is truncated at its offset.
   *
   * @throws {ChannelError} when that is not possible, or not supported
   */
  static open(
    address: MigrationAddress,
    direction: Direction,
    options: ChannelOptions = {},
  ): Channel {
    try {
      const endpoint = open(address, direction, options);
      return new Channel(address, direction, endpoint, options);
    } catch (error) {
      const verb = direction === "incoming" ? "open" : "create";
      throw explain(error, address, `Could not ${verb}`);
    }
  }

  /** The address where it listens, with the chosen port if 0 was given. */
  get listensAt(): NetAddress | undefined {
    return this.endpoint.listensAt;
  }

  /**
   * Connects to the peer. An incoming channel waits for it without a limit.
   *
   * @throws {ChannelError} when there is no peer
   */
  async connect(): Promise<void> {
    const limit = this.direction === "incoming" ? Infinity : this.#timeoutMs;
    await this.#explained(
      CONNECTING,
      limit,
      () => this.endpoint.connect?.(),
    );
  }

  /**
   * The next bytes; none at the end of the stream. Waits without a limit: the
   * peer may be in the middle of its migration.
   *
   * @throws {ChannelError} when they cannot be read
   */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const piece = new Uint8Array(PIECE);
    const count = await this.#explained(
      "Could not read",
      Infinity,
      () => this.endpoint.read(piece),
    );
    return piece.subarray(0, count ?? 0);
  }

  /**
   * Writes all of the bytes.
   *
   * @throws {ChannelError} when they cannot be written, as on a full disk, or
   * when the peer takes none of them within the time limit
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#explained(
        "Could not write",
        this.#timeoutMs,
        () => this.endpoint.write(bytes.subarray(done, done + PIECE)),
      );
    }
  }

  /** Start of the stream in its file; undefined if it is not a file. */
  get fileOffset(): number | undefined {
    return this.address.transport === "file" ? this.address.offset : undefined;
  }

  /**
   * Has the stream go on later in its file.
   *
   * @throws {ChannelError} when it is not a file
   */
  skip(count: number): void {
    this.#inFile((file) => file.seek(count, "current"));
  }

  /**
   * Writes bytes elsewhere in the file.
   *
   * @throws {ChannelError} when it is not a file, or on a full disk
   */
  writeAt(bytes: Uint8Array, offset: number): void {
    this.#inFile((file) => {
      for (let done = 0; done < bytes.length;) {
        done += file.pwrite(bytes.subarray(done), offset + done);
      }
    });
  }

  #inFile(action: (file: Fd) => void): void {
    const { file } = this.endpoint;
    if (file === undefined) throw notAFile(this.address);
    try {
      action(file);
    } catch (error) {
      throw explain(error, this.address, "Could not write");
    }
  }

  /**
   * Ends the stream and closes the channel; a command must end with success.
   *
   * @throws {ChannelError} when the command fails, or does not end in time
   */
  async finish(): Promise<void> {
    await this.#explained(
      "Could not finish",
      Infinity,
      () => this.endpoint.finish?.(this.#timeoutMs),
    );
    this.close();
  }

  /** Closes the channel, and ends every wait; idempotent. */
  close(): void {
    this.endpoint.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the channel when the time is over. */
  async #explained<T>(
    what: string,
    timeoutMs: number,
    action: () => T,
  ): Promise<Awaited<T>> {
    let late = false;
    const timer = timeoutMs === Infinity ? undefined : setTimeout(() => {
      late = true;
      this.close();
    }, timeoutMs);
    try {
      return await action();
    } catch (error) {
      if (!late) throw explain(error, this.address, what);
      throw failure(this.address, what, "Connection timed out", error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * Checks that a file takes the stream. Only a file takes all data before the
 * writer exits; a pipe or a socket blocks until it is read.
 *
 * @throws {ChannelError} for any other address
 *
 * @example
 * ```ts
 * import { ChannelError, parseUri, requireFile } from "./mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * requireFile(parseUri("file:/run/vm.state"));
 * assertThrows(() => requireFile(parseUri("tcp:host:4444")), ChannelError);
 * ```
 */
export function requireFile(address: MigrationAddress): void {
  if (address.transport !== "file") throw notAFile(address);
}

function open(
  address: MigrationAddress,
  direction: Direction,
  { takeDescriptor }: ChannelOptions,
): Endpoint {
  switch (address.transport) {
    case "file":
      return openFile(address, direction);
    case "exec":
      return new Command(address.args, direction);
    case "rdma":
      throw unsupported(address);
  }
  switch (address.type) {
    case "fd":
      return new DescriptorStream(takeOpen(address.str, takeDescriptor));
    case "vsock":
      throw unsupported(address);
    default:
      return direction === "incoming"
        ? new Acceptor(address)
        : new Connector(address);
  }
}

function openFile(
  address: Extract<MigrationAddress, { transport: "file" }>,
  direction: Direction,
): Endpoint {
  const flags = direction === "incoming" ? O_RDONLY : O_WRONLY | O_CREAT;
  using made = new DisposableStack();
  const file = made.use(
    // Non-blocking: a FIFO without a peer would block the whole process.
    Fd.open(address.filename, flags | O_NONBLOCK | O_NOCTTY, MODE),
  );
  if (!file.stat().isFile) throw notAFile(address);
  if (direction === "outgoing") file.truncate(address.offset);
  file.seek(address.offset);
  made.move();
  return new FileEndpoint(file);
}

/** A number, or a name of `getfd`; as in QEMU it is used up either way. */
function takeOpen(
  text: string,
  takeDescriptor: ChannelOptions["takeDescriptor"],
): Fd {
  const fd = /^\d{1,9}$/.test(text)
    ? inherited(Number(text))
    : takeDescriptor?.(text);
  if (fd === undefined) {
    throw new ChannelError(
      "bad-uri",
      `File descriptor named '${text}' has not been found`,
    );
  }
  if (!fd.stat().isFile) return fd;
  fd.close();
  throw new ChannelError(
    "bad-uri",
    `File descriptor '${text}' is a file: ` +
      "fd: migration to a file is not supported",
    { remedy: "Use file:PATH" },
  );
}

/** Undefined for a descriptor that this process has opened itself. */
function inherited(number: number): Fd | undefined {
  return getCloexec(number) ? undefined : Fd.adopt(number);
}

function notAFile(address: MigrationAddress): ChannelError {
  return new ChannelError(
    "not-a-file",
    `Channel "${formatUri(address)}" is not a file: it could not take all ` +
      "data before this process is replaced",
    { remedy: "Use file:PATH with a regular file" },
  );
}

function unsupported(address: MigrationAddress): ChannelError {
  return new ChannelError(
    "bad-uri",
    `Channel "${formatUri(address)}" is not supported by this machine`,
    { remedy: "Use file:, fd:, exec:, unix: or tcp:" },
  );
}

function explain(
  error: unknown,
  address: MigrationAddress,
  what: string,
): ChannelError {
  if (error instanceof ChannelError && error.code !== "channel-io") {
    return error;
  }
  // For a FIFO without a reader, and for a socket.
  if (error instanceof OsError) {
    return error.code === "ENXIO"
      ? notAFile(address)
      : failure(address, what, `${error.description} (${error.code})`, error);
  }
  const reason = messageOf(error).replace(/ \(os error \d+\)$/, "");
  return failure(address, what, reason, error);
}

function failure(
  address: MigrationAddress,
  what: string,
  reason: string,
  cause: unknown,
): ChannelError {
  const uri = formatUri(address);
  const message = what === CONNECTING
    ? `${CONNECTING} '${uri.slice(uri.indexOf(":") + 1)}': ${reason}`
    : `${what} "${uri}": ${reason}`;
  return new ChannelError("channel-io", message, { cause });
}
