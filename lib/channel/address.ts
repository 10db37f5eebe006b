/**
 * Where a migration stream goes to or comes from: QEMU's URIs and the
 * MigrationAddress objects of its `channels` argument.
 *
 * ```
 * file:PATH[,offset=N]     {"transport": "file", "filename", "offset"}
 * fd:NAME                  {"transport": "socket", "type": "fd", "str"}
 * exec:COMMAND             {"transport": "exec", "args"}
 * unix:PATH                {"transport": "socket", "type": "unix", "path"}
 * tcp:HOST:PORT            {"transport": "socket", "type": "inet", "host", "port"}
 * vsock:CID:PORT           {"transport": "socket", "type": "vsock", "cid", "port"}
 * rdma:HOST:PORT           {"transport": "rdma", "host", "port"}
 * ```
 *
 * @module
 */

import { parseSize } from "../cmdline/mod.ts";
import { ChannelError } from "./error.ts";

/** A MigrationAddress, as in QMP. */
export type MigrationAddress =
  | {
    readonly transport: "file";
    readonly filename: string;
    /** Byte offset of the stream in the file. */
    readonly offset: number;
  }
  | { readonly transport: "exec"; readonly args: readonly string[] }
  | { readonly transport: "rdma"; readonly host: string; readonly port: string }
  | SocketAddress;

/** One type of socket, with fields of its own. */
export type SocketOf<Type extends string, Field extends string> =
  & { readonly transport: "socket"; readonly type: Type }
  & Readonly<Record<Field, string>>;

/** The addresses that can be listened at; port numbers are strings. */
export type NetAddress =
  | SocketOf<"unix", "path">
  | SocketOf<"inet", "host" | "port">;

/** The socket transports, as in QMP. */
export type SocketAddress =
  | NetAddress
  | SocketOf<"fd", "str">
  | SocketOf<"vsock", "cid" | "port">;

/**
 * Parses a migration URI.
 *
 * @throws {ChannelError} for an unknown scheme or a malformed address
 *
 * @example
 * ```ts
 * import { parseUri } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseUri("file:/run/vm.state,offset=4k"), {
 *   transport: "file",
 *   filename: "/run/vm.state",
 *   offset: 4096,
 * });
 * ```
 */
export function parseUri(uri: string): MigrationAddress {
  const colon = uri.indexOf(":");
  const scheme = colon < 0 ? uri : uri.slice(0, colon);
  const rest = colon < 0 ? "" : uri.slice(colon + 1);
  if (colon < 0 || rest === "") throw unknown(uri);
  switch (scheme) {
    case "file":
      return parseFile(uri, rest);
    case "fd":
      return { transport: "socket", type: "fd", str: rest };
    case "exec":
      return { transport: "exec", args: ["/bin/sh", "-c", rest] };
    case "unix":
      return { transport: "socket", type: "unix", path: rest };
    case "tcp": {
      const [host, port] = hostAndPort(uri, rest, 0);
      return { transport: "socket", type: "inet", host, port };
    }
    case "vsock": {
      const [cid, port] = hostAndPort(uri, rest);
      return { transport: "socket", type: "vsock", cid, port };
    }
    case "rdma": {
      const [host, port] = hostAndPort(uri, rest);
      return { transport: "rdma", host, port };
    }
    default:
      throw unknown(uri);
  }
}

function parseFile(uri: string, rest: string): MigrationAddress {
  const comma = rest.lastIndexOf(",offset=");
  if (comma < 0) return { transport: "file", filename: rest, offset: 0 };
  const text = rest.slice(comma + ",offset=".length);
  let offset: number;
  try {
    offset = parseSize("offset", text);
  } catch (error) {
    throw new ChannelError(
      "bad-uri",
      `Migration URI "${uri}" has a bad offset: "${text}"`,
      {
        remedy: "Give the offset in bytes, such as offset=4096 or offset=4k",
        cause: error,
      },
    );
  }
  return { transport: "file", filename: rest.slice(0, comma), offset };
}

/** An IPv6 address is in brackets; without a host it is any address. */
function hostAndPort(
  uri: string,
  rest: string,
  shortestHost = 1,
): [string, string] {
  const colon = rest.lastIndexOf(":");
  const host = rest.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, "$1");
  const port = rest.slice(colon + 1);
  if (colon < shortestHost || port === "") {
    throw new ChannelError(
      "bad-uri",
      `Migration URI "${uri}" has no host and port`,
      { remedy: "Write it as tcp:HOST:PORT" },
    );
  }
  return [host, port];
}

function unknown(uri: string): ChannelError {
  return new ChannelError(
    "bad-uri",
    `Unknown migration protocol: "${uri}"`,
    { remedy: "Use file:, fd:, exec:, unix: or tcp:" },
  );
}

/**
 * The URI of an address, for messages and command lines.
 *
 * @example
 * ```ts
 * import { formatUri } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const address = {
 *   transport: "socket",
 *   type: "unix",
 *   path: "/run/migrate.sock",
 * } as const;
 * assertEquals(formatUri(address), "unix:/run/migrate.sock");
 * ```
 */
export function formatUri(address: MigrationAddress): string {
  switch (address.transport) {
    case "file":
      return address.offset === 0
        ? `file:${address.filename}`
        : `file:${address.filename},offset=${address.offset}`;
    case "exec":
      return `exec:${address.args.slice(2).join(" ")}`;
    case "rdma":
      return `rdma:${address.host}:${address.port}`;
    case "socket":
      return formatSocket(address);
  }
}

function formatSocket(address: SocketAddress): string {
  switch (address.type) {
    case "fd":
      return `fd:${address.str}`;
    case "unix":
      return `unix:${address.path}`;
    case "inet":
      return address.host.includes(":")
        ? `tcp:[${address.host}]:${address.port}`
        : `tcp:${address.host}:${address.port}`;
    case "vsock":
      return `vsock:${address.cid}:${address.port}`;
  }
}
