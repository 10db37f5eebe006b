/** A byte stream to a monitor, and how it is opened. */

import { QmpConnectError } from "./errors.ts";

/** Where a monitor listens. */
export type QmpAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** The process at the other end of a unix socket, as the kernel saw it. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A connected byte stream. */
export interface Transport {
  /** Who is at the other end; null where the kernel cannot tell. */
  readonly peer: Peer | null;
  /** The next bytes, valid until the next call; null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the kernel has taken all of `bytes`. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends a pending read or write, too. */
  close(): void;
}

/** The address as a person writes it. */
export function showAddress(address: QmpAddress): string {
  return "path" in address
    ? address.path
    : `${address.host.includes(":") ? `[${address.host}]` : address.host}` +
      `:${address.port}`;
}

/**
 * Opens a byte stream to a monitor.
 *
 * @throws {QmpConnectError}
 */
export async function openTransport(
  address: QmpAddress,
  signal: AbortSignal,
): Promise<Transport> {
  try {
    return connectionTransport(
      "path" in address
        ? await Deno.connect({ transport: "unix", path: address.path })
        : await Deno.connect({
          hostname: address.host,
          port: address.port,
          signal,
        }),
    );
  } catch (error) {
    throw explain(error, address);
  }
}

/** The byte stream of a connection that Deno made or accepted. */
export function connectionTransport(connection: Deno.Conn): Transport {
  return new DenoTransport(connection);
}

/** Large enough for nearly every reply in one read. */
const READ_BYTES = 64 * 1024;

class DenoTransport implements Transport {
  readonly peer = null;
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(READ_BYTES);

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  async read(): Promise<Uint8Array | null> {
    const count = await this.#connection.read(this.#buffer);
    return count === null ? null : this.#buffer.subarray(0, count);
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  close(): void {
    this.#connection.close();
  }
}

function explain(cause: unknown, address: QmpAddress): unknown {
  const where = showAddress(address);
  if (cause instanceof Deno.errors.NotFound) {
    return new QmpConnectError(
      "absent",
      `Cannot connect to the monitor "${where}": no such socket`,
      { cause, remedy: "Give the path of the virtual machine's QMP socket" },
    );
  }
  if (cause instanceof Deno.errors.ConnectionRefused) {
    return new QmpConnectError(
      "refused",
      `Cannot connect to the monitor "${where}": nobody listens there`,
      { cause, remedy: "Start the virtual machine, or give another address" },
    );
  }
  if (
    cause instanceof Deno.errors.PermissionDenied ||
    cause instanceof Deno.errors.NotCapable
  ) {
    return new QmpConnectError(
      "denied",
      `Cannot connect to the monitor "${where}": permission denied`,
      { cause, remedy: "Run as root or as the owner of the socket" },
    );
  }
  if (cause instanceof Deno.errors.WouldBlock) {
    // A unix socket refuses this way when its queue of the unserved is full.
    return new QmpConnectError(
      "busy",
      `Cannot connect to the monitor "${where}": others wait for it already`,
      { cause, remedy: "End the other clients of the monitor" },
    );
  }
  if (cause instanceof Deno.errors.ConnectionReset) {
    return new QmpConnectError(
      "dropped",
      `Cannot connect to the monitor "${where}": connection reset`,
      { cause },
    );
  }
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new QmpConnectError(
    "other",
    `Cannot connect to the monitor "${where}": ${detail}`,
    { cause },
  );
}
