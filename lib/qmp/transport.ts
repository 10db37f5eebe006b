/** A byte stream between a monitor and its client. */

/** The address of a monitor. */
export type QmpAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** The peer credentials of a unix socket. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A connected byte stream. */
export interface Transport {
  /** The process at the other end; null if it is not known. */
  readonly peer: Peer | null;
  /** Whether that process has exited; another may have its socket. */
  peerHasEnded(): boolean;
  /** The next bytes, valid until the next call; null at the end of stream. */
  read(): Promise<Uint8Array | null>;
  /**
   * Resolves when all of `bytes` are in the kernel.
   *
   * @param descriptors sent with the first byte; unix sockets only
   */
  write(bytes: Uint8Array, descriptors?: readonly number[]): Promise<void>;
  /** Stops reading until {@linkcode resume}. */
  pause(): void;
  resume(): void;
  /** Ends the stream after the bytes received until now. */
  drain(): void;
  /** Ends the stream, and any pending read or write. */
  close(): void;
}

/** Large enough for almost every reply. */
export const READ_BYTES = 64 * 1024;

/**
 * An address as text.
 *
 * @example
 * ```ts
 * import { showAddress } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(showAddress({ host: "::1", port: 4444 }), "[::1]:4444");
 * ```
 */
export function showAddress(address: QmpAddress): string {
  if ("path" in address) return address.path;
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
