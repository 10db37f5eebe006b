import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

const SHUT_RDWR = 2;

/**
 * Shuts a connection down, for all duplicates of the socket and for the peer. A
 * socket without a connection stays as it is.
 */
export function shutDown(socket: Fd): void {
  libc().shutdown(socket.number, SHUT_RDWR);
}
