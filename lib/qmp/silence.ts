/**
 * Why a monitor that let us connect does not greet us.
 *
 * QEMU serves one client of a socket at a time and leaves the others in the
 * kernel's queue, where connect(2) succeeds at once. From the outside a
 * monitor in other hands and a QEMU that hangs look alike, but
 * `/proc/net/unix` lists the server's half of each connection:
 *
 * ```
 * flags 00010000 state 01   the listening socket
 *                state 03   a connection that was accepted
 *                state 02   a connection that still waits to be accepted
 * ```
 *
 * The list covers one network namespace, and knows paths as they were bound.
 *
 * @module
 */

import { forEachLine } from "../bounded_file.ts";
import { QmpBusyError, type QmpError, QmpTimeoutError } from "./errors.ts";
import { type Peer, type QmpAddress, showAddress } from "./transport.ts";

/** The connections of one listening unix socket. */
export interface SocketQueue {
  readonly accepted: number;
  readonly waiting: number;
}

/** Counts in lines of a table in the form of `/proc/net/unix`. */
export class QueueCount {
  #listening = false;
  #accepted = 0;
  #waiting = 0;

  constructor(readonly path: string) {}

  add(line: string): void {
    // Num RefCount Protocol Flags Type St Inode Path; a path may have spaces.
    const match = /^\S+ \S+ \S+ (\S+) \S+ (\S+) +\S+ (.+)$/.exec(line);
    if (match?.[3] !== this.path) return;
    if (match[1] === "00010000") this.#listening = true;
    else if (match[2] === "03") this.#accepted++;
    else if (match[2] === "02") this.#waiting++;
  }

  /** Undefined where nobody listens. */
  get queue(): SocketQueue | undefined {
    return this.#listening
      ? { accepted: this.#accepted, waiting: this.#waiting }
      : undefined;
  }
}

async function readSocketQueue(
  address: QmpAddress,
): Promise<SocketQueue | undefined> {
  if (!("path" in address)) return undefined;
  // The same path through another process's root is also in its namespaces.
  const elsewhere = /^(\/proc\/\d+)\/root(\/.*)$/.exec(address.path);
  const table = `${elsewhere?.[1] ?? "/proc"}/net/unix`;
  try {
    const count = new QueueCount(elsewhere?.[2] ?? address.path);
    await forEachLine(table, (line) => count.add(line));
    return count.queue;
  } catch {
    // No /proc, or not for us: the answer stays open, and says so.
    return undefined;
  }
}

/** Whether a signal or a debugger has stopped the process. */
async function isStopped(pid: number): Promise<boolean> {
  try {
    // pid (name) state …; the name may hold anything but ends the brackets.
    const status = await Deno.readTextFile(`/proc/${pid}/stat`);
    return /^[Tt]/.test(status.slice(status.lastIndexOf(")") + 2));
  } catch {
    // Gone, or not for us: nothing is known of it.
    return false;
  }
}

/**
 * The error for a monitor that sent no greeting within `timeoutMs`.
 *
 * @param peer who listens there, if the connection got so far
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
  if (peer !== null && await isStopped(peer.pid)) {
    return silent(
      `process ${peer.pid} is stopped`,
      `Let it go on: kill -CONT ${peer.pid}`,
    );
  }
  const queue = await readSocketQueue(address);
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
      "the process accepts nobody",
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
