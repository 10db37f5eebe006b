/**
 * Why a monitor does not greet after a connection was made.
 *
 * QEMU serves one client of a socket at a time. Others wait in the socket's
 * queue, where connect(2) succeeds at once. A monitor that serves another client
 * and a QEMU that hangs look alike to the client, but the kernel lists the
 * server's end of each connection.
 *
 * @module
 */

import { readSocketQueue, type SocketQueue } from "../proc/net_unix.ts";
import { isStopped, readStat } from "../proc/stat.ts";
import { QmpBusyError, type QmpError, QmpTimeoutError } from "./errors.ts";
import { type Peer, type QmpAddress, showAddress } from "./transport.ts";

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
    {
      remedy: "End the other client, or give the machine a second monitor; " +
        "if there is no other client, the process hangs",
    },
  );
}
