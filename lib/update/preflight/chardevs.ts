/**
 * Character devices are those of the command line, and can be opened again.
 *
 * @module
 */

import { forEachUnixSocket } from "../../proc/net_unix.ts";
import type { OptionValue } from "../../cmdline/mod.ts";
import {
  type CommandLine,
  DEVICE_OPTIONS,
  namedSocket,
  terminalLinks,
} from "../command/command_line.ts";
import { BASE, IMPLIED_CHARDEVS } from "../carry/back_ends.ts";
import { unusedTerminals } from "../vm/left_open.ts";
import { swtpmsAt } from "../process/swtpm.ts";
import { terminalsIn } from "../vm/terminals.ts";
import { text } from "../vm/reply.ts";
import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  warn,
} from "./check.ts";

export const chardevs: PreflightCheck = problemCheck({
  id: "chardevs",
  ok: "character devices are those of the command line",
  remedy: "Undo it (chardev-remove, chardev-add, chardev-change), or restart " +
    "the VM with the current ones on its command line",
  async *find({ carried, inventory, running }) {
    const named = new Map(
      running.values("chardev").map((it) => [it.get("id") ?? "", it]),
    );
    const live = new Map(
      (await inventory.list("query-chardev")).map(({ label, filename }) =>
        [text(label) ?? "", text(filename) ?? ""] as const
      ),
    );
    for (const [label, own] of live) {
      // For a multiplexer, the back end below it is compared.
      const is = live.get(`${label}${BASE}`) ?? own;
      const option = named.get(label);
      const path = option?.get("backend") === "socket"
        ? option.get("path")
        : undefined;
      if (path !== undefined && !is.includes(path)) {
        yield `Character device ${quoted(label)} is ${quoted(is)}, but the ` +
          `command line names ${quoted(path)}`;
      }
      const isBase = label.endsWith(BASE) &&
        named.has(label.slice(0, -BASE.length));
      const why = carried.obstacles.get(label);
      if (option !== undefined || IMPLIED_CHARDEVS.test(label) || isBase) {
        continue;
      }
      yield `Character device ${quoted(label)} (${
        quoted(is)
      }) was made at run ` +
        `time and would be lost${why === undefined ? "" : `: ${why}`}`;
    }
    for (const label of named.keys()) {
      if (live.has(label)) continue;
      yield `Character device ${quoted(label)} was removed at run time`;
    }
  },
});

/**
 * Something listens wherever a character device will connect again. QEMU ends
 * if it cannot connect one at its start; so would the old one in a rollback.
 */
export const chardevPeers: PreflightCheck = problemCheck({
  id: "chardev-peers",
  ok: "character devices can connect again",
  remedy: "Start the program that listens there, or restart the VM with " +
    "reconnect-ms on the character device",
  async *find(context) {
    for (const client of socketClients(context.next)) {
      if (client.reconnects) continue;
      const obstacle = await obstacleToConnecting(client, context);
      if (obstacle === undefined) continue;
      const name = quoted(client.name);
      yield `Character device ${name} could not connect again: ${obstacle}`;
    }
  },
});

async function obstacleToConnecting(
  { name, path, abstract }: SocketClient,
  context: CheckContext,
): Promise<string | undefined> {
  if (path === undefined) {
    return await isConnected(name, context)
      ? undefined
      : "its TCP connection is down";
  }
  if (!abstract && await context.files.stat(path) === undefined) {
    return `there is no socket ${quoted(path)}`;
  }
  return await isListenedAt(context.facts.pid, path)
    ? undefined
    : `no process listens at ${quoted(path)}`;
}

/** The prefix of the address of a socket without a peer, in the monitor. */
const DISCONNECTED = "disconnected:";

/** A device without an id of its own is assumed to be connected. */
async function isConnected(
  name: string,
  { inventory }: CheckContext,
): Promise<boolean> {
  const chardev = (await inventory.list("query-chardev"))
    .find(({ label }) => text(label) === name);
  return !(text(chardev?.["filename"]) ?? "").startsWith(DISCONNECTED);
}

/**
 * The kernel stores a socket's path as the listener wrote it, which may be
 * relative or lead through other folders. Therefore only the last part is
 * compared.
 */
async function isListenedAt(pid: number, path: string): Promise<boolean> {
  const name = path.split("/").at(-1);
  let isFound = false;
  await forEachUnixSocket(pid, ({ listens, path: bound }) => {
    isFound ||= listens && bound.replace(/^@/, "").split("/").at(-1) === name;
  });
  return isFound;
}

/** Prefixes of Unix sockets in the short form; all others are TCP. */
const UNIX = /(^|:)unix:$/;

/** A character device that connects to a socket at its start. */
export interface SocketClient {
  /** Its id, or the words that stand for it. */
  readonly name: string;
  /** Undefined for a TCP socket. */
  readonly path: string | undefined;
  readonly abstract: boolean;
  /** Whether it tries again if nobody listens. */
  readonly reconnects: boolean;
}

/** Every character device that is a client; one for a debugger never is. */
export function socketClients(commandLine: CommandLine): SocketClient[] {
  return [
    ...commandLine.where("chardev", "backend", "socket")
      .filter((it) => !it.has("fd"))
      .flatMap((it) => clientOf(it.get("id") ?? "", it.get("path"), it)),
    ...commandLine.texts(...DEVICE_OPTIONS.filter((it) => it !== "gdb"))
      .flatMap((value) => {
        const { prefix, keys } = namedSocket(value) ?? {};
        if (prefix === undefined || keys === undefined) return [];
        const path = UNIX.test(prefix) ? keys.get("path") : undefined;
        return clientOf(value, path, keys);
      }),
  ];
}

function clientOf(
  name: string,
  path: string | undefined,
  keys: OptionValue,
): SocketClient[] {
  if (keys.boolean("server") === true) return [];
  const interval = keys.integer("reconnect-ms") ?? keys.integer("reconnect");
  return [{
    name,
    path,
    abstract: keys.boolean("abstract") === true,
    reconnects: (interval ?? 0) > 0,
  }];
}

/** The VM's TPM is still there when the next program connects to it. */
export const tpmServer: PreflightCheck = {
  id: "tpm-server",
  async run(context) {
    const chardevs = context.next.where("tpmdev", "type", "emulator")
      .map((it) => it.get("chardev"));
    for (const { name, path, abstract } of socketClients(context.next)) {
      if (!chardevs.includes(name) || path === undefined || abstract) continue;
      return await judgeTpmServer(path, context);
    }
    return ok("the VM has no TPM that it connects to");
  },
};

async function judgeTpmServer(
  path: string,
  { facts, files }: CheckContext,
): Promise<Finding> {
  const remedy = "Restart the VM with a swtpm that was started without " +
    "--terminate";
  const socket = await files.stat(path);
  if (socket === undefined) return ok("the check chardev-peers reports on it");
  // A process of any other user may just use that name.
  const trusted = [0, facts.owner.uid, socket.uid];
  const servers = (await swtpmsAt(socket))
    .filter(({ uid }) => trusted.includes(uid));
  const ending = servers.find(({ terminates }) => terminates);
  if (ending !== undefined) {
    return refuse(
      `The VM's TPM (swtpm, process ${ending.pid}) ends when its connection ` +
        "does, as it does in an update",
      remedy,
    );
  }
  return servers.length > 0
    ? ok("the VM's TPM accepts another connection")
    : warn(
      `Cannot tell whether the TPM at ${quoted(path)} ends when its ` +
        "connection does, as it does in an update",
      remedy,
    );
}

/**
 * The VM's pseudo-terminals can be opened again; those that earlier programs
 * left open are closed.
 */
export const terminals: PreflightCheck = {
  id: "terminals",
  async run({ inventory, files, next }) {
    const [link] = terminalLinks(next);
    if (link !== undefined) {
      return refuse(
        `QEMU creates the link ${quoted(link)} to a terminal when it starts, ` +
          "and fails if it exists: a killed program leaves it behind, so a " +
          "rollback would fail",
        "Restart the VM without path= at its pty character device",
      );
    }
    const used = terminalsIn(await inventory.list("query-chardev"));
    const left = (await unusedTerminals(files, used)).length;
    if (left > 0) {
      return ok(
        "terminals that earlier programs left open, and that the new program " +
          `closes: ${left}`,
      );
    }
    return ok(
      used.length === 0
        ? "no character device is a pseudo-terminal"
        : "no terminal is open that no device uses",
    );
  },
};
