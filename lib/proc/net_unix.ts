/**
 * /proc/PID/net/unix: the Unix sockets of a network namespace, one per line:
 *
 * ```
 * Num RefCount Protocol Flags    Type St Inode Path
 * …:  00000002 00000000 00010000 0001 01 30437 /run/vm/a.qmp
 * ```
 *
 * An accepted connection has the path of its server's socket. Paths are shown as
 * the process gave them, and may contain spaces.
 *
 * @module
 */

import { forEachLine } from "../bounded_file.ts";

/** A socket that is bound to a path, or was accepted by one that is. */
export interface BoundSocket {
  /** Whether it accepts connections. */
  readonly listens: boolean;
  /** 2 for a connection that waits to be accepted, 3 for an accepted one. */
  readonly state: number;
  /** 0 for a waiting connection. */
  readonly inode: string;
  /** An abstract name begins with "@". */
  readonly path: string;
}

const LINE = /^\S+ \S+ \S+ ([\dA-F]+) \S+ (\d+) +(\d+) (.+)$/;
const ACCEPTS = 0x10000;

/** Parses a line; undefined for a socket without a path, and for the heading. */
export function parseUnixSocket(line: string): BoundSocket | undefined {
  const [, flags = "", state, inode = "", path = ""] = LINE.exec(line) ?? [];
  if (state === undefined) return undefined;
  const listens = (Number.parseInt(flags, 16) & ACCEPTS) !== 0;
  return { listens, state: Number(state), inode, path };
}

/**
 * Visits the sockets that have a path.
 *
 * @param pid a process in the network namespace
 * @throws {UnreadableError} at the timeout
 */
export async function forEachUnixSocket(
  pid: number | "self",
  look: (socket: BoundSocket) => void,
  timeoutMs?: number,
): Promise<void> {
  await forEachLine(`/proc/${pid}/net/unix`, (line) => {
    const socket = parseUnixSocket(line);
    if (socket !== undefined) look(socket);
  }, timeoutMs);
}

/** The connections of a listening socket. */
export interface SocketQueue {
  readonly accepted: number;
  readonly waiting: number;
}

const WAITING = 2;
const ACCEPTED = 3;

/**
 * Counts the connections of the socket at a path.
 *
 * @param pid a process in its network namespace
 * @returns undefined if no socket listens there
 */
export async function readSocketQueue(
  pid: number | "self",
  path: string,
): Promise<SocketQueue | undefined> {
  let isListenedAt = false;
  const states: number[] = [];
  await forEachUnixSocket(pid, (socket) => {
    if (socket.path !== path) return;
    if (socket.listens) isListenedAt = true;
    else states.push(socket.state);
  });
  if (!isListenedAt) return undefined;
  const count = (wanted: number) =>
    states.filter((state) => state === wanted).length;
  return { accepted: count(ACCEPTED), waiting: count(WAITING) };
}
