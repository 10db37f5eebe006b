/**
 * A unix socket by libc: unlike Deno's own it has peer credentials, and passes
 * descriptors. A round trip to QEMU takes 0.28 ms instead of 0.23 ms.
 *
 * @module
 */

import type { UnixSocket } from "../../ffi/socket.ts";
import { type Peer, READ_BYTES, type Transport } from "./transport.ts";

/** An idle connection does not time out. */
const FOR_EVER_MS = Infinity;

/** Owns the socket. */
export class UnixTransport implements Transport {
  readonly peer: Peer | null;

  constructor(private readonly socket: UnixSocket) {
    const peer = socket.peerCredentials();
    // 0 is a process outside this pid namespace.
    this.peer = peer.pid === 0 ? null : peer;
  }

  peerHasEnded(): boolean {
    return this.socket.peerHasEnded();
  }

  async read(): Promise<Uint8Array | null> {
    const bytes = await this.socket.receive(READ_BYTES, FOR_EVER_MS);
    return bytes.length === 0 ? null : bytes;
  }

  async write(
    bytes: Uint8Array,
    descriptors: readonly number[] = [],
  ): Promise<void> {
    await this.socket.send(bytes, FOR_EVER_MS, descriptors);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  drain(): void {
    this.socket.refuseMore();
  }

  close(): void {
    this.socket[Symbol.dispose]();
  }
}
