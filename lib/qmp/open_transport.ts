/** Opens a byte stream to a monitor, and explains failures. */

import { OsError } from "../../ffi/libc.ts";
import { UnixSocket } from "../../ffi/socket.ts";
import { messageOf } from "../errors.ts";
import { DenoTransport } from "./deno_transport.ts";
import { type ConnectFailure, QmpConnectError } from "./errors.ts";
import { type QmpAddress, showAddress, type Transport } from "./transport.ts";
import { UnixTransport } from "./unix_transport.ts";

/**
 * Opens a byte stream to a monitor.
 *
 * @param signal aborts a TCP connection attempt
 * @throws {QmpConnectError}
 */
export async function openTransport(
  address: QmpAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Transport> {
  try {
    if ("path" in address) {
      return new UnixTransport(
        await UnixSocket.connect(address.path, timeoutMs),
      );
    }
    const { host, port } = address;
    return new DenoTransport(
      await Deno.connect({ hostname: host, port, signal }),
    );
  } catch (error) {
    throw explain(error, address);
  }
}

interface Explanation {
  readonly failure: ConnectFailure;
  readonly detail: string;
  readonly remedy?: string;
}

const ABSENT: Explanation = {
  failure: "absent",
  detail: "no such socket",
  remedy: "Give the path of the virtual machine's QMP socket",
};
const REFUSED: Explanation = {
  failure: "refused",
  detail: "no process listens there",
  remedy: "Start the virtual machine, or give another address",
};
const DENIED: Explanation = {
  failure: "denied",
  detail: "permission denied",
  remedy: "Run as root or as the owner of the socket",
};
const DROPPED: Explanation = {
  failure: "dropped",
  detail: "connection reset",
};
/** The listening socket's backlog is full. */
const BUSY: Explanation = {
  failure: "busy",
  detail: "its queue of clients is full",
  remedy: "End the other clients of the monitor",
};

const BY_ERRNO: Readonly<Record<string, Explanation>> = {
  ENOENT: ABSENT,
  ECONNREFUSED: REFUSED,
  ECONNRESET: DROPPED,
  ETIMEDOUT: BUSY,
  EACCES: DENIED,
  EPERM: DENIED,
};

function explain(cause: unknown, address: QmpAddress): QmpConnectError {
  const { failure, detail, remedy } = explanationOf(cause);
  return new QmpConnectError(
    failure,
    `Cannot connect to the monitor "${showAddress(address)}": ${detail}`,
    { cause, remedy },
  );
}

function explanationOf(cause: unknown): Explanation {
  if (cause instanceof OsError) {
    const known = BY_ERRNO[cause.code];
    if (known !== undefined) return known;
  }
  if (cause instanceof Deno.errors.ConnectionRefused) return REFUSED;
  if (cause instanceof Deno.errors.ConnectionReset) return DROPPED;
  return { failure: "other", detail: messageOf(cause) };
}
