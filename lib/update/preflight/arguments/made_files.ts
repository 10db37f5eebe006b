/** Files that a program makes at its start. @module */

import {
  DEVICE_OPTIONS,
  namedFile,
  namedSocket,
} from "../../command/character_device.ts";
import type { CommandLine } from "../../command/command_line.ts";

/** Options whose whole value is the name of a file that is made. */
const WHOLE = ["D", "pidfile"];
const VNC_SOCKET = /^unix:(.*)$/;

/** The folder that a file is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** Unix sockets that the new program makes anew. */
export function serverPaths(commandLine: CommandLine): string[] {
  const sockets = [
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === "socket"),
    ...commandLine.texts(...DEVICE_OPTIONS).map(namedSocket)
      .filter((it) => it?.prefix.endsWith("unix:"))
      .flatMap((it) => it === undefined ? [] : [it.keys]),
  ];
  return sockets.filter((it) => it.boolean("server") === true)
    .filter((it) => it.boolean("abstract") !== true)
    .flatMap((it) => it.get("path") ?? []);
}

/** Every file that the new program makes, or opens if it is there. */
export function madeFiles(commandLine: CommandLine): string[] {
  return [
    ...commandLine.texts(...WHOLE),
    ...serverPaths(commandLine),
    ...commandLine.texts(...DEVICE_OPTIONS).flatMap((it) => [
      namedFile(it) ?? [],
      namedSocket(it)?.keys.get("logfile") ?? [],
    ]).flat(),
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === "file")
      .flatMap((it) => it.get("path") ?? []),
    ...commandLine.all("chardev", "logfile"),
    ...commandLine.values("object")
      .filter((it) => it.get("qom-type") === "filter-dump")
      .flatMap((it) => it.get("file") ?? []),
    ...commandLine.all("trace", "file"),
    ...["audio", "audiodev"].flatMap((it) => commandLine.all(it, "path")),
    ...commandLine.all("vnc", "vnc")
      .flatMap((it) => VNC_SOCKET.exec(it)?.[1] ?? []),
  ];
}
