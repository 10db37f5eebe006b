/** The QMP monitors on a VM's command line. */

import { namedSocket } from "../command/character_device.ts";
import type { CommandLine } from "../command/command_line.ts";

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

/** -chardev socket,id=ID,path=PATH,server=on -mon chardev=ID,mode=control */
function fromChardevs(line: CommandLine): MonitorSocket[] {
  const chardevs = line.values("chardev");
  return line.values("mon").flatMap((monitor): MonitorSocket[] => {
    if (monitor.get("mode") !== "control") return [];
    const id = monitor.get("chardev");
    const chardev = chardevs.find((it) => it.get("id") === id);
    if (chardev?.get("backend") !== "socket") return [];
    const path = chardev.get("path");
    return [path === undefined ? { other: chardev.toString() } : { path }];
  });
}
