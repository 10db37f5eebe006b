/**
 * A VM's QMP monitors: those on its command line, and whether its process
 * itself listens there. A command line can name any socket, so this is checked
 * before a connection is made.
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { Obstacle } from "../command/obstacles.ts";
import { type CommandLine, namedSocket } from "../command/command_line.ts";
import { forEachUnixSocket } from "../../proc/net_unix.ts";
import { readDescriptors } from "../../proc/descriptors.ts";

/** A listening socket of a QMP monitor. */
export type MonitorSocket =
  /** As the VM sees the path. */
  | { readonly path: string }
  /** Not on a path: TCP, or a descriptor that was passed. */
  | { readonly other: string };

/** The QMP monitors that a command line names, those on a path first. */
export function monitorSockets(line: CommandLine): MonitorSocket[] {
  const sockets = [...fromQmpOptions(line), ...fromChardevs(line)];
  return sockets.sort((a, b) => Number("other" in a) - Number("other" in b));
}

/** There is nothing to drive an update by. */
export const NO_MONITOR: Obstacle = {
  code: "no-monitor",
  text: "it has no QMP socket",
};

/** Why none of these can be used. */
export function monitorObstacle(
  [socket]: readonly MonitorSocket[],
): Obstacle | undefined {
  if (socket === undefined) return NO_MONITOR;
  if ("path" in socket) return undefined;
  const text = `its monitor is not a unix socket path: ${socket.other}`;
  return { ...NO_MONITOR, text };
}

const CHARDEV = /^chardev:(.*)$/;

/** -qmp unix:PATH,server=on */
function fromQmpOptions(line: CommandLine): MonitorSocket[] {
  return line.texts("qmp", "qmp-pretty").flatMap((value): MonitorSocket[] => {
    const socket = namedSocket(value);
    if (socket === undefined) return [];
    const path = socket.keys.get("path");
    return socket.prefix === "unix:" && path !== undefined
      ? [{ path }]
      : [{ other: value }];
  });
}

/**
 * -chardev socket,id=ID,path=PATH,server=on with -mon chardev=ID,mode=control
 * or -qmp chardev:ID
 */
function fromChardevs(line: CommandLine): MonitorSocket[] {
  const chardevs = Map.groupBy(line.values("chardev"), (it) => it.get("id"));
  const ids = [
    ...line.where("mon", "mode", "control").map((it) => it.get("chardev")),
    ...line.texts("qmp", "qmp-pretty").map((it) => CHARDEV.exec(it)?.[1]),
  ];
  return ids.flatMap((id): MonitorSocket[] => {
    if (id === undefined) return [];
    const [chardev] = chardevs.get(id) ?? [];
    if (chardev?.get("backend") !== "socket" || !listens(chardev)) return [];
    const path = chardev.get("path");
    return [path === undefined ? { other: chardev.toString() } : { path }];
  });
}

/** Proxmox has a monitor that connects to a daemon instead. */
function listens(chardev: OptionValue): boolean {
  return chardev.boolean("server") ?? chardev.toString().startsWith("{");
}

/** Other users of the host may have a hundred thousand sockets. */
const TABLE_TIMEOUT_MS = 10_000;

/** By path, the links of the sockets in /proc/PID/fd. */
type Table = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The unix sockets at which processes listen. `/proc/PID/fd` has the inodes of
 * a process's sockets, and `/proc/PID/net/unix` the path of each, as passed to
 * bind(2). Each network namespace is read once.
 */
export class ListeningSockets {
  readonly #paths: ReadonlySet<string>;
  readonly #tables = new Map<string, Promise<Table>>();

  /** @param paths to look for, as the processes write them */
  constructor(paths: Iterable<string>) {
    this.#paths = new Set(paths);
  }

  /**
   * Whether a process listens at a path.
   *
   * @throws {UnreadableError} when the kernel's table cannot be read in time
   */
  async has(pid: number, path: string): Promise<boolean> {
    const sockets = (await this.#table(pid)).get(path);
    if (sockets === undefined) return false;
    for (const link of (await readDescriptors(pid)).values()) {
      if (sockets.has(link)) return true;
    }
    return false;
  }

  async #table(pid: number): Promise<Table> {
    const namespace = await Deno.readLink(`/proc/${pid}/ns/net`);
    let table = this.#tables.get(namespace);
    if (table === undefined) {
      table = this.#read(pid);
      this.#tables.set(namespace, table);
    }
    return await table;
  }

  async #read(pid: number): Promise<Table> {
    const table = new Map<string, Set<string>>();
    await forEachUnixSocket(pid, ({ listens, inode, path }) => {
      if (!listens || !this.#paths.has(path)) return;
      const sockets = table.get(path) ?? new Set();
      table.set(path, sockets.add(`socket:[${inode}]`));
    }, TABLE_TIMEOUT_MS);
    return table;
  }
}
