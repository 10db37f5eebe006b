/**
 * /proc/PID/net/unix: the Unix sockets of a network namespace, a line each:
 *
 * ```
 * Num RefCount Protocol Flags    Type St Inode Path
 * …:  00000002 00000000 00010000 0001 01 30437 /run/vm/a.qmp
 * ```
 *
 * A connection has the path of its server's socket; a path is as its process
 * wrote it, and may have blanks.
 *
 * @module
 */

import { forEachLine } from "../bounded_file.ts";

/** A socket that is bound to a path, or was made by one that is. */
export interface BoundSocket {
  /** Whether it accepts connections. */
  readonly listens: boolean;
  /** 2 for a connection that waits to be accepted, 3 for one that was. */
  readonly state: number;
  /** 0 for a connection that waits. */
  readonly inode: string;
  /** An abstract name begins with "@". */
  readonly path: string;
}

const LINE = /^\S+ \S+ \S+ ([\dA-F]+) \S+ (\d+) +(\d+) (.+)$/;
const ACCEPTS = 0x10000;

/** Reads a line; undefined for a socket without a path, and for the heading. */
export function parseUnixSocket(line: string): BoundSocket | undefined {
  const [, flags = "", state, inode = "", path = ""] = LINE.exec(line) ?? [];
  if (state === undefined) return undefined;
  const listens = (Number.parseInt(flags, 16) & ACCEPTS) !== 0;
  return { listens, state: Number(state), inode, path };
}

/**
 * Goes through the sockets with a path.
 *
 * @param pid a process of the network namespace
 * @throws {UnreadableError} when the kernel does not tell in time
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

/** The connections of a socket that listens. */
export interface SocketQueue {
  readonly accepted: number;
  readonly waiting: number;
}

const WAITING = 2;
const ACCEPTED = 3;

/**
 * Counts the connections of the socket at a path.
 *
 * @param pid a process of its network namespace
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
