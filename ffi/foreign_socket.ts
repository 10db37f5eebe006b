/**
 * Sockets of another program, by a duplicate of the descriptor.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { POLLHUP, POLLIN, pollNow } from "./poll.ts";
import { socketOption } from "./socket.ts";

const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0o2000000;
/** `struct sockaddr_un`: the family, then a path of 108 bytes at most. */
const ADDRESS_SIZE = 110;
const FAMILY_SIZE = 2;
const SHUT_RDWR = 2;

/** The path of a listening unix socket; undefined for any other descriptor. */
export function listensAt({ number }: Fd): string | undefined {
  const accepts = new Int32Array(1);
  const asked = socketOption(number, SO_ACCEPTCONN, accepts);
  if (asked < 0 || accepts[0] !== 1) return undefined;
  const address = new Uint8Array(ADDRESS_SIZE);
  const length = Uint32Array.of(address.length);
  if (libc().getsockname(number, address, length) < 0) return undefined;
  const [family] = new Uint16Array(address.buffer, 0, 1);
  const path = address.subarray(FAMILY_SIZE, length[0]);
  if (family !== AF_UNIX || path[0] === undefined || path[0] === 0) {
    return undefined;
  }
  const end = path.indexOf(0);
  return new TextDecoder().decode(end < 0 ? path : path.subarray(0, end));
}

/**
 * Closes the connections in the backlog, while the program does not accept any.
 *
 * @param limit the most connections to close
 */
export function endWaiting({ number }: Fd, limit: number): void {
  for (let count = 0; count < limit; count++) {
    // The socket may be blocking, and its flags are shared with the program.
    const [events = 0] = pollNow([{ fd: number, events: POLLIN }]);
    if ((events & POLLIN) === 0) return;
    const accepted = libc().accept4(number, null, null, SOCK_CLOEXEC);
    if (accepted < 0) return;
    Fd.adopt(accepted).close();
  }
}

/**
 * Shuts a connection down, for all duplicates of the socket and for the peer. A
 * socket without a connection stays as it is.
 */
export function shutDown(socket: Fd): void {
  libc().shutdown(socket.number, SHUT_RDWR);
}

/** Whether it is a TCP connection that is shut down in both directions. */
export function isShutDown({ number }: Fd): boolean {
  const domain = new Int32Array(1);
  const asked = socketOption(number, SO_DOMAIN, domain);
  if (asked < 0 || ![AF_INET, AF_INET6].includes(domain[0] ?? 0)) return false;
  const [events = 0] = pollNow([{ fd: number, events: 0 }]);
  return (events & POLLHUP) !== 0;
}
