import { KeyvalText, type OptionValue } from "../../cmdline/mod.ts";
import type { CommandLine } from "./command_line.ts";

/** Options whose value describes a character device in the old way. */
const OLD_OPTIONS = [
  "serial",
  "parallel",
  "monitor",
  "qmp",
  "qmp-pretty",
  "gdb",
  "debugcon",
];

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

/** Every character device that is a client. */
export function socketClients(commandLine: CommandLine): SocketClient[] {
  return [
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === "socket" && !it.has("fd"))
      .flatMap((it) => client(it.get("id") ?? "", it.get("path"), it)),
    ...commandLine.texts(...OLD_OPTIONS).flatMap(oldClient),
  ];
}

/** Such as `unix:/path`, `mon:tcp:host:port,server`. */
function oldClient(text: string): SocketClient[] {
  const [, scheme, address = "", rest = ""] =
    /^(?:mon:)?(unix|tcp|telnet|websocket):([^,]*)(?:,(.*))?$/.exec(text) ?? [];
  if (scheme === undefined) return [];
  const path = scheme === "unix" ? address : undefined;
  return client(text, path, KeyvalText.parse(rest));
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
