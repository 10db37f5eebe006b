/** The transports of a channel, each as a byte stream. */

import { DescriptorStream } from "../../ffi/descriptor_stream.ts";
import type { Fd } from "../../ffi/fd.ts";
import { Pipe } from "../../ffi/pipe.ts";
import { spawn } from "../../ffi/spawn.ts";
import { removeDeadSocket } from "../gone.ts";
import type { NetAddress } from "./address.ts";
import { ChannelError } from "./error.ts";

/** One end of a byte stream. Closing it ends whatever waits. */
export interface Endpoint {
  /** Connects, or waits for the peer to do so. */
  connect?(): Promise<void>;
  /** @returns null at the end of the stream */
  read(into: Uint8Array): Promise<number | null>;
  /** @returns how many bytes were written */
  write(from: Uint8Array): Promise<number>;
  /** Ends the stream, after all of it. */
  finish?(timeoutMs: number): Promise<void>;
  close(): void;
  /** The file, of a file. */
  readonly file?: Fd;
  /** Where it listens; undefined if it does not. */
  readonly listensAt?: NetAddress | undefined;
}

/** A socket that connects, or listens and accepts one connection. */
export abstract class NetEndpoint implements Endpoint {
  #connection: Deno.Conn | undefined;
  protected readonly closing = new AbortController();

  async connect(): Promise<void> {
    const connection = await this.connection();
    if (this.closing.signal.aborted) {
      connection.close();
      throw this.closing.signal.reason;
    }
    this.#connection = connection;
  }

  protected abstract connection(): Promise<Deno.Conn>;

  async read(into: Uint8Array): Promise<number | null> {
    return await this.#connected.read(into);
  }

  async write(from: Uint8Array): Promise<number> {
    return await this.#connected.write(from);
  }

  get #connected(): Deno.Conn {
    if (this.#connection !== undefined) return this.#connection;
    throw new Deno.errors.NotConnected("Not connected");
  }

  close(): void {
    this.closing.abort();
    this.#connection?.close();
    this.#connection = undefined;
  }
}

/** Connects to an address. */
export class Connector extends NetEndpoint {
  constructor(private readonly address: NetAddress) {
    super();
  }

  protected connection(): Promise<Deno.Conn> {
    const { address } = this;
    if (address.type === "unix") {
      return Deno.connect({ transport: "unix", path: address.path });
    }
    const hostname = address.host === "" ? "localhost" : address.host;
    const { signal } = this.closing;
    return Deno.connect({ hostname, port: portOf(address), signal });
  }
}

/** Listens at an address until one peer has connected. */
export class Acceptor extends NetEndpoint {
  #listener: Deno.Listener | undefined;

  /** A socket file that a dead program left is replaced. */
  constructor(private readonly address: NetAddress) {
    super();
    if (address.type === "unix") {
      removeDeadSocket(address.path);
      const { path } = address;
      this.#listener = Deno.listen({ transport: "unix", path });
    } else {
      const hostname = address.host === "" ? "::" : address.host;
      this.#listener = Deno.listen({ hostname, port: portOf(address) });
    }
  }

  get listensAt(): NetAddress | undefined {
    const at = this.#listener?.addr;
    if (at?.transport !== "tcp") return at && this.address;
    const { hostname: host, port } = at;
    return { transport: "socket", type: "inet", host, port: `${port}` };
  }

  protected async connection(): Promise<Deno.Conn> {
    try {
      if (this.#listener !== undefined) return await this.#listener.accept();
      throw new Deno.errors.NotConnected("Not listening");
    } finally {
      this.#stopListening();
    }
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  override close(): void {
    this.#stopListening();
    super.close();
  }
}

function portOf({ port }: { readonly port: string }): number {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 0xffff) return Number(port);
  throw new ChannelError("bad-uri", `"${port}" is not a port`);
}

/** A command that reads the stream, or writes it. */
export class Command implements Endpoint {
  readonly #stream: DescriptorStream;
  readonly #child: ReturnType<typeof spawn>;

  constructor(args: readonly string[], direction: "incoming" | "outgoing") {
    using pipe = Pipe.make();
    const [ours, theirs, number] = direction === "outgoing"
      ? [pipe.writer, pipe.reader, STDIN]
      : [pipe.reader, pipe.writer, STDOUT];
    this.#child = spawn(args, {
      descriptors: new Map([[STDERR, STDERR], [number, theirs.number]]),
      newSession: true,
    });
    this.#stream = new DescriptorStream(ours.dup());
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#stream.read(into);
  }

  write(from: Uint8Array): Promise<number> {
    return this.#stream.write(from);
  }

  async finish(timeoutMs: number): Promise<void> {
    this.#stream.close();
    const { code, signal } = await this.#child.wait(timeoutMs);
    if (code === 0) return;
    throw new ChannelError(
      "channel-io",
      `The command failed: ${signal ?? code}`,
    );
  }

  close(): void {
    this.#stream.close();
    // What the shell has started ends with it.
    this.#child.killGroup();
    this.#child[Symbol.dispose]();
  }
}

const [STDIN, STDOUT, STDERR] = [0, 1, 2] as const;

/** A regular file, which never waits. */
export class FileEndpoint implements Endpoint {
  /** @param file owned from now on, at the start of the stream */
  constructor(readonly file: Fd) {}

  read(into: Uint8Array): Promise<number | null> {
    return Promise.try(() => this.file.read(into) || null);
  }

  write(from: Uint8Array): Promise<number> {
    return Promise.try(() => this.file.write(from));
  }

  close(): void {
    this.file.close();
  }
}
