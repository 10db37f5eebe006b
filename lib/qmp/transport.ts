/** A byte stream between a monitor and its client. */

/** Where a monitor listens. */
export type QmpAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** The process at the other end of a unix socket, as the kernel knows it. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A connected byte stream. */
export interface Transport {
  /** Who is at the other end; null where the kernel cannot tell. */
  readonly peer: Peer | null;
  /** Whether the peer's process has ended; another may have its socket. */
  peerHasEnded(): boolean;
  /** The next bytes, valid until the next call; null at the end. */
  read(): Promise<Uint8Array | null>;
  /**
   * Resolves when the kernel has taken all of `bytes`.
   *
   * @param descriptors go with the first byte, over a unix socket only
   */
  write(bytes: Uint8Array, descriptors?: readonly number[]): Promise<void>;
  /** Takes no bytes until {@linkcode resume}; the peer has to wait. */
  pause(): void;
  resume(): void;
  /** Takes no more: what has come is still read, and then comes the end. */
  drain(): void;
  /** Ends a pending read or write, too. */
  close(): void;
}

/** Large enough for nearly every reply in one read. */
export const READ_BYTES = 64 * 1024;

/** The address as a person writes it. */
export function showAddress(address: QmpAddress): string {
  if ("path" in address) return address.path;
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
