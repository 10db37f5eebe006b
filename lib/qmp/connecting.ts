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

import { kindOf } from "../../ffi/file_status.ts";
import { foreignStatus } from "../../ffi/foreign_file.ts";
import { ifPossible, OsError } from "../../ffi/libc.ts";
import { ifThereSync } from "../gone.ts";
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

/**
 * Opens a byte stream to a monitor.
 *
 * @param signal aborts a TCP connection attempt
 * @throws {QmpConnectError}
 */
async function openTransport(
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

/** For a message: why the connection was not made, and what to do. */
type Explanation = readonly [
  failure: ConnectFailure,
  detail: string,
  remedy?: string,
];

const GIVE_PATH = "Give the path of the virtual machine's QMP socket";
const RUN_AS_OWNER = "Run as root or as the owner of the socket";
const START = "Start the virtual machine, or give another address";
const END_OTHERS = "End the other clients of the monitor";

const BY_ERRNO: Readonly<Record<string, Explanation>> = {
  ENOENT: ["absent", "no such socket", GIVE_PATH],
  ECONNREFUSED: ["refused", "no process listens there", START],
  ECONNRESET: ["dropped", "connection reset"],
  // The listening socket's backlog is full.
  ETIMEDOUT: ["busy", "its queue of clients is full", END_OTHERS],
  EACCES: ["denied", "permission denied", RUN_AS_OWNER],
  EPERM: ["denied", "permission denied", RUN_AS_OWNER],
};

function connectError(cause: unknown, address: QmpAddress): QmpConnectError {
  const known = BY_ERRNO[errnoOf(cause) ?? ""] ?? ["other", messageOf(cause)];
  const noSocket = known[0] === "refused" ? noSocketAt(address) : undefined;
  const [failure, detail, remedy] = noSocket ?? known;
  return new QmpConnectError(
    failure,
    `Cannot connect to the monitor "${showAddress(address)}": ${detail}`,
    { remedy },
  );
}

/** Of another kind of file the system says the same as of a dead socket. */
function noSocketAt(address: QmpAddress): Explanation | undefined {
  if (!("path" in address)) return undefined;
  const status = ifThereSync(() =>
    ifPossible(
      () => foreignStatus(address.path, { followLink: true }),
      ...["EACCES", "ENOTDIR", "ELOOP", "ENAMETOOLONG"],
    )
  );
  if (status === undefined || status.isSocket) return undefined;
  return ["refused", `it is ${kindOf(status)}, not a socket`, GIVE_PATH];
}

function errnoOf(cause: unknown): string | undefined {
  if (cause instanceof OsError) return cause.code;
  if (cause instanceof Deno.errors.ConnectionRefused) return "ECONNREFUSED";
  return cause instanceof Deno.errors.ConnectionReset
    ? "ECONNRESET"
    : undefined;
}

async function queueAt(address: QmpAddress): Promise<SocketQueue | undefined> {
  if (!("path" in address)) return undefined;
  // A path through the root of a process is one of its network namespace.
  const elsewhere = /^\/proc\/(\d+)\/root(\/.*)$/.exec(address.path);
  const [, pid, path = address.path] = elsewhere ?? [];
  const process = pid === undefined ? "self" : Number(pid);
  try {
    return await readSocketQueue(process, path);
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
async function explainSilence(
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
      "End the other clients, and check that the process runs",
    );
  }
  if (queue.waiting === 0) {
    return silent(
      "it accepted the connection, then stayed silent",
      "Give the socket of a QMP monitor, and check that the process runs",
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

/** No greeting in time; {@linkcode explain} replaces it. */
export class Silence extends Error {}

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

/** Whether another attempt may succeed. */
export function isTransient(error: unknown): boolean {
  return error instanceof QmpConnectError &&
    error.failure !== "denied" && error.failure !== "other";
}
