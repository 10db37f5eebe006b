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

/** Addresses whose data all stay readable after the writer is gone. */
type FileAddress =
  | Extract<MigrationAddress, { transport: "file" }>
  | Extract<MigrationAddress, { type: "fd" }>;

/**
 * Refuses addresses that cannot be a file: the one kind that takes all data
 * before the writer exits, whoever reads.
 *
 * @throws {ChannelError} for those
 */
export function fileAddress(address: MigrationAddress): FileAddress {
  const isFile = address.transport === "file" ||
    (address.transport === "socket" && address.type === "fd");
  if (isFile) return address;
  throw notAFile(address);
}

/** A regular file that a stream is written to. */
export class OutgoingFile implements Disposable {
  readonly #address: MigrationAddress;
  readonly #file: Fd;

  private constructor(address: MigrationAddress, file: Fd) {
    this.#address = address;
    this.#file = file;
  }

  /**
   * Opens a file (by path, or an inherited descriptor such as a memfd), cut off
   * where the stream begins.
   *
   * @throws {ChannelError} when it cannot be opened or is not a regular file
   */
  static open(address: MigrationAddress): OutgoingFile {
    const file = open(address, O_WRONLY | O_CREAT, "Could not create");
    try {
      const offset = offsetOf(address);
      file.truncate(offset);
      file.seek(offset);
      return new OutgoingFile(address, file);
    } catch (error) {
      file.close();
      throw explain(error, address, "Could not create");
    }
  }

  /**
   * Writes what comes next, all of it.
   *
   * @throws {ChannelError} when there is no room, and the like
   */
  write(bytes: Uint8Array): void {
    try {
      this.#file.writeAll(bytes);
    } catch (error) {
      throw explain(error, this.#address, "Could not write");
    }
  }

  /** Again is harmless. */
  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A regular file that a stream is read from. */
export class IncomingFile implements Disposable {
  readonly #address: MigrationAddress;
  readonly #file: Fd;

  private constructor(address: MigrationAddress, file: Fd) {
    this.#address = address;
    this.#file = file;
  }

  /** @throws {ChannelError} when it cannot be opened or is not a regular file */
  static open(address: MigrationAddress): IncomingFile {
    return new IncomingFile(address, open(address, O_RDONLY, "Could not open"));
  }

  /**
   * The first bytes of the stream, fewer where it is shorter.
   *
   * @throws {ChannelError} when they cannot be read
   */
  start(count: number): Uint8Array<ArrayBuffer> {
    return this.#explained(() => {
      const bytes = new Uint8Array(count);
      return bytes.subarray(
        0,
        this.#file.pread(bytes, offsetOf(this.#address)),
      );
    });
  }

  /**
   * All bytes of the stream.
   *
   * @throws {ChannelError} when they cannot be read, or are more than the limit
   */
  readAll(limit: number): Uint8Array<ArrayBuffer> {
    return this.#explained(() => {
      this.#file.seek(offsetOf(this.#address));
      return this.#file.readAll(limit);
    });
  }

  #explained<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw explain(error, this.#address, "Could not read");
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
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
      // Not blocking: a FIFO without a peer would stop the whole machine.
      ? Fd.open(target.filename, flags | O_NONBLOCK | O_NOCTTY, MODE)
      : inherited(target.str);
  } catch (error) {
    throw explain(error, address, what);
  }
  if (file.stat().isFile) return file;
  file.close();
  throw notAFile(address);
}

/** The number stays the opener's; the duplicate is closed with the stream. */
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
  // What opening a FIFO that nobody reads, or a socket, answers.
  if (error.code === "ENXIO") return notAFile(address);
  return new ChannelError(
    "channel-io",
    `${what} "${formatUri(address)}": ${error.description} (${error.code})`,
    { cause: error },
  );
}
