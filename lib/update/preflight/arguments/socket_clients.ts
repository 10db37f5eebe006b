import type { OptionValue } from "../../../cmdline/mod.ts";
import { DEVICE_OPTIONS, namedSocket } from "../../command/character_device.ts";
import type { CommandLine } from "../../command/command_line.ts";

/** Sockets of the old way that are files; all others are TCP. */
const UNIX = /(^|:)unix:$/;

/** A character device that connects to a socket at its start. */
export interface SocketClient {
  /** Its id, or the words that stand for it. */
  readonly name: string;
  /** Undefined for a TCP socket. */
  readonly path: string | undefined;
  readonly abstract: boolean;
  /** Whether it tries again where nobody listens. */
  readonly reconnects: boolean;
}

/** Every character device that is a client; that for a debugger is none. */
export function socketClients(commandLine: CommandLine): SocketClient[] {
  return [
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === "socket" && !it.has("fd"))
      .flatMap((it) => client(it.get("id") ?? "", it.get("path"), it)),
    ...commandLine.texts(...DEVICE_OPTIONS.filter((it) => it !== "gdb"))
      .flatMap(oldClient),
  ];
}

/** Such as `unix:/path`, `mon:tcp:host:port,server`. */
function oldClient(text: string): SocketClient[] {
  const socket = namedSocket(text);
  if (socket === undefined) return [];
  const { prefix, keys } = socket;
  return client(text, UNIX.test(prefix) ? keys.get("path") : undefined, keys);
}

function client(
  name: string,
  path: string | undefined,
  value: OptionValue,
): SocketClient[] {
  if (value.boolean("server") === true) return [];
  const interval = value.integer("reconnect-ms") ?? value.integer("reconnect");
  return [{
    name,
    path,
    abstract: value.boolean("abstract") === true,
    reconnects: (interval ?? 0) > 0,
  }];
}
