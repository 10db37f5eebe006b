import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

const SHUT_RDWR = 2;

/**
 * Ends a connection for everybody who has a descriptor of it; the peer sees
 * that. Nothing happens to a socket without a connection.
 */
export function shutDown(socket: Fd): void {
  libc().shutdown(socket.number, SHUT_RDWR);
}
