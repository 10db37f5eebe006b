/**
 * Connecting to a monitor: attempts, and why one failed.
 *
 * QEMU serves one client of a socket at a time. Others wait in the socket's
 * queue, where connect(2) succeeds at once. A monitor that serves another client
 * and a QEMU that hangs look alike to the client, but the kernel lists the
 * server's end of each connection.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { UnixSocket } from "../../ffi/socket.ts";
import { messageOf } from "../errors.ts";
import {
  DenoTransport,
  type Peer,
  type QmpAddress,
  showAddress,
  type Transport,
  UnixTransport,
} from "./transport.ts";
import {
  type ConnectFailure,
  QmpBusyError,
  QmpClosedError,
  QmpConnectError,
  type QmpError,
  QmpTimeoutError,
} from "./errors.ts";
import { readSocketQueue, type SocketQueue } from "../proc/net_unix.ts";
import { isStopped, readStat } from "../proc/stat.ts";
import { type Patience, within } from "./deadline.ts";

/** Opens a byte stream to a monitor, and explains failures. */

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
    throw connectError(error, address);
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

function connectError(cause: unknown, address: QmpAddress): QmpConnectError {
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

async function queueAt(address: QmpAddress): Promise<SocketQueue | undefined> {
  if (!("path" in address)) return undefined;
  // A path through the root of a process is one of its network namespace.
  const elsewhere = /^\/proc\/(\d+)\/root(\/.*)$/.exec(address.path);
  const [, pid, path = address.path] = elsewhere ?? [];
  try {
    return await readSocketQueue(
      pid === undefined ? "self" : Number(pid),
      path,
    );
  } catch {
    // /proc is absent or not readable: the message names both reasons.
    return undefined;
  }
}

/** Whether a signal or a debugger has stopped the process. */
async function hasStopped(pid: number): Promise<boolean> {
  try {
    return isStopped(await readStat(pid));
  } catch {
    // It has exited, or is not readable.
    return false;
  }
}

/**
 * The error for a monitor that sent no greeting within `timeoutMs`.
 *
 * @param peer the process that listens, if it is known
 */
export async function explainSilence(
  address: QmpAddress,
  timeoutMs: number,
  peer: Peer | null,
): Promise<QmpError> {
  const where = showAddress(address);
  const silent = (why: string, remedy: string) =>
    new QmpTimeoutError(
      `No greeting from the monitor "${where}" ` +
        `within ${Math.ceil(timeoutMs)} ms: ${why}`,
      { remedy },
    );
  if (peer !== null && await hasStopped(peer.pid)) {
    return silent(
      `process ${peer.pid} is stopped`,
      `Continue it: kill -CONT ${peer.pid}`,
    );
  }
  const queue = await queueAt(address);
  if (queue === undefined) {
    return silent(
      "another client holds it, or the process hangs",
      "End the other clients, and see whether the process runs",
    );
  }
  if (queue.waiting === 0) {
    return silent(
      "it accepted the connection, then stayed silent",
      "Give the socket of a QMP monitor, and see whether the process runs",
    );
  }
  if (queue.accepted === 0) {
    return silent(
      "the process accepts no connection",
      "See whether the process hangs",
    );
  }
  return new QmpBusyError(
    `Another client holds the monitor "${where}"`,
    peer?.pid,
    {
      remedy: "End the other client, or give the machine a second monitor; " +
        "if there is no other client, the process hangs",
    },
  );
}

/**
 * Between two attempts to connect to a program that is starting. QEMU listens
 * long before it answers; more attempts would only slow it down.
 */
const RETRY_MS = 4;

/** No greeting in time; replaced by an error with the reason. */
class Silence extends Error {}

/**
 * Opens the transport.
 *
 * @throws {QmpConnectError} if the connection is not accepted
 */
export async function openOrExplain(
  address: QmpAddress,
  { timeoutMs, signal }: Patience,
): Promise<Transport> {
  const giveUp = new AbortController();
  const opening = openTransport(address, timeoutMs, giveUp.signal);
  try {
    return await within(opening, { timeoutMs, signal }, () => new Silence());
  } catch (error) {
    giveUp.abort();
    // It may still open, and is not used then.
    opening.then((transport) => transport.close(), () => {});
    const unserved = error instanceof Silence ||
      error instanceof QmpConnectError && error.failure === "busy";
    if (!unserved) throw error;
    throw await explainSilence(address, timeoutMs, null);
  }
}

/** Waits for a greeting; {@linkcode explain} replaces what it throws. */
export async function greeted(
  greeting: Promise<unknown>,
  patience: Patience,
): Promise<void> {
  await within(greeting, patience, () => new Silence());
}

/** The error to throw for a handshake that failed. */
export async function explain(
  error: unknown,
  address: QmpAddress,
  { timeoutMs }: Patience,
  peer: Peer | null,
): Promise<unknown> {
  if (error instanceof Silence) {
    return await explainSilence(address, timeoutMs, peer);
  }
  // A connection that ends before the handshake counts as not made.
  if (!(error instanceof QmpClosedError)) return error;
  return new QmpConnectError(
    "dropped",
    `Cannot connect to the monitor "${showAddress(address)}": ` +
      "it ended the connection before the handshake",
    { cause: error },
  );
}

/**
 * Retries to connect until it succeeds, or fails permanently.
 *
 * @param attempt gets the remaining milliseconds
 * @throws the error of the last attempt, after `timeoutMs`
 */
export async function untilConnected<Connection>(
  attempt: (timeoutMs: number) => Promise<Connection>,
  timeoutMs: number,
): Promise<Connection> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt(deadline - performance.now());
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (performance.now() + RETRY_MS >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Whether another attempt may succeed. */
function isTransient(error: unknown): boolean {
  return error instanceof QmpConnectError &&
    error.failure !== "denied" && error.failure !== "other";
}
