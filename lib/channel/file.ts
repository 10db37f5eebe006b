import { duplicate, Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import {
  O_CREAT,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { formatUri, type MigrationAddress } from "./address.ts";
import { ChannelError } from "./error.ts";

/** Only the owner may read a VM's state. */
const MODE = 0o600;

/** Addresses whose data can still be read after the writer has exited. */
export type FileAddress =
  | Extract<MigrationAddress, { transport: "file" }>
  | Extract<MigrationAddress, { type: "fd" }>;

/**
 * Checks that an address can be a file. Only a file takes all data before the
 * writer exits; a pipe or a socket blocks until it is read.
 *
 * @throws {ChannelError} for any other address
 *
 * @example
 * ```ts
 * import { ChannelError, fileAddress, parseUri } from "./mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * fileAddress(parseUri("file:/run/vm.state"));
 * assertThrows(() => fileAddress(parseUri("tcp:host:4444")), ChannelError);
 * ```
 */
export function fileAddress(address: MigrationAddress): FileAddress {
  const isFile = address.transport === "file" ||
    (address.transport === "socket" && address.type === "fd");
  if (isFile) return address;
  throw notAFile(address);
}

/** A regular file with a stream, in either direction. */
export abstract class ChannelFile implements Disposable {
  /** Takes over the open file. */
  protected constructor(
    /** Where it is, for messages. */
    protected readonly address: MigrationAddress,
    /** The open file, which this object closes. */
    protected readonly file: Fd,
  ) {}

  /** Runs an action; an error of the system becomes a ChannelError. */
  protected explained<T>(verb: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw explain(error, this.address, `Could not ${verb}`);
    }
  }

  /** Closes the file; idempotent. */
  close(): void {
    this.file.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A regular file that a stream is written to.
 *
 * @example
 * ```ts
 * import { IncomingFile, OutgoingFile, parseUri } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const address = parseUri(`file:${path}`);
 * {
 *   using outgoing = OutgoingFile.open(address);
 *   outgoing.write(Uint8Array.of(0x51, 0x45));
 * }
 * using incoming = IncomingFile.open(address);
 * assertEquals(incoming.readAll(1024), Uint8Array.of(0x51, 0x45));
 * await Deno.remove(path);
 * ```
 */
export class OutgoingFile extends ChannelFile {
  /**
   * Opens a file, by path or as an inherited descriptor such as a memfd, and
   * truncates it at the stream's offset.
   *
   * @throws {ChannelError} when it cannot be opened or is not a regular file
   */
  static open(address: MigrationAddress): OutgoingFile {
    const file = open(address, O_WRONLY | O_CREAT, "Could not create");
    using made = new DisposableStack();
    const channel = made.use(new OutgoingFile(address, file));
    channel.explained("create", () => {
      const offset = offsetOf(address);
      file.truncate(offset);
      file.seek(offset);
    });
    made.move();
    return channel;
  }

  /**
   * Writes all of the bytes.
   *
   * @throws {ChannelError} when they cannot be written, as on a full disk
   */
  write(bytes: Uint8Array): void {
    this.explained("write", () => this.file.writeAll(bytes));
  }
}

/** A regular file that a stream is read from; see {@linkcode OutgoingFile}. */
export class IncomingFile extends ChannelFile {
  /**
   * Opens a file, by path or as an inherited descriptor.
   *
   * @throws {ChannelError} when it cannot be opened or is not a regular file
   */
  static open(address: MigrationAddress): IncomingFile {
    return new IncomingFile(address, open(address, O_RDONLY, "Could not open"));
  }

  /**
   * Up to `count` bytes from the start of the stream.
   *
   * @throws {ChannelError} when they cannot be read
   */
  start(count: number): Uint8Array<ArrayBuffer> {
    return this.explained("read", () => {
      const bytes = new Uint8Array(count);
      const length = this.file.pread(bytes, offsetOf(this.address));
      return bytes.subarray(0, length);
    });
  }

  /**
   * All bytes of the stream.
   *
   * @throws {ChannelError} when they cannot be read, or exceed the limit
   */
  readAll(limit: number): Uint8Array<ArrayBuffer> {
    return this.explained("read", () => {
      this.file.seek(offsetOf(this.address));
      return this.file.readAll(limit);
    });
  }
}

function offsetOf(address: MigrationAddress): number {
  return address.transport === "file" ? address.offset : 0;
}

function open(address: MigrationAddress, flags: number, what: string): Fd {
  const target = fileAddress(address);
  let file: Fd;
  try {
    file = target.transport === "file"
      // Non-blocking: a FIFO without a peer would block the whole process.
      ? Fd.open(target.filename, flags | O_NONBLOCK | O_NOCTTY, MODE)
      : inherited(target.str);
  } catch (error) {
    throw explain(error, address, what);
  }
  if (file.stat().isFile) return file;
  file.close();
  throw notAFile(address);
}

/** A duplicate, so that the inherited descriptor stays open. */
function inherited(text: string): Fd {
  if (/^\d{1,9}$/.test(text)) return duplicate(Number(text));
  throw new ChannelError(
    "bad-uri",
    `File descriptor named "${text}" has not been found`,
  );
}

function notAFile(address: MigrationAddress): ChannelError {
  return new ChannelError(
    "not-a-file",
    `Channel "${formatUri(address)}" is not a file: it could not take all ` +
      "data before this process is replaced",
    { remedy: "Use file:PATH with a regular file" },
  );
}

function explain(
  error: unknown,
  address: MigrationAddress,
  what: string,
): unknown {
  if (!(error instanceof OsError)) return error;
  // For a FIFO without a reader, and for a socket.
  if (error.code === "ENXIO") return notAFile(address);
  return new ChannelError(
    "channel-io",
    `${what} "${formatUri(address)}": ${error.description} (${error.code})`,
    { cause: error },
  );
}
