/** The files that the new program reads or creates at its start. @module */

import {
  type CommandLine,
  DEVICE_OPTIONS,
  namedFile,
  namedSocket,
} from "../command/command_line.ts";
import type { ProcessFiles } from "../../proc/process_files.ts";
import {
  type CheckContext,
  listed,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
} from "./check.ts";
import { DESCRIPTORS } from "../vm/block_devices.ts";
import type { Inventory } from "../vm/inventory.ts";
import type { Credentials } from "../../../ffi/identity.ts";
import { O_ACCMODE } from "../../../ffi/open_flags.ts";
import { folderOf } from "../../path.ts";
import { readStatus } from "../../proc/status.ts";
import { credentialsOf } from "../process/identity.ts";

/** Options whose whole value is the name of a file that is read. */
const READ = ["kernel", "initrd", "dtb", "bios", "readconfig", "shim"];
/** Options with keys whose values are names of files or folders. */
const READ_BY_KEY: Readonly<Record<string, readonly string[]>> = {
  acpitable: ["file"],
  chardev: ["input-path"],
  // Of the loaders, and of a shared folder over USB.
  device: ["romfile", "file", "kernel", "initrd", "rootdir"],
  fsdev: ["path"],
  fw_cfg: ["file"],
  machine: ["firmware", "kernel", "initrd", "dtb", "shim"],
  object: ["dir", "evdev", "filename"],
  plugin: ["file"],
  smbios: ["file", "path"],
  tpmdev: ["path"],
  virtfs: ["path"],
};

/** Character devices that open a device of the host. */
const HOST_DEVICES = ["serial", "parallel"];
const OLD_PIPE = /^pipe:(.*)$/;

/** The only object that creates its file. */
const DUMP = "filter-dump";

export const argumentFiles: PreflightCheck = problemCheck({
  id: "argument-files",
  ok: "the files that arguments name exist",
  detail: (found) => `Files that arguments name no longer exist: ${found}`,
  remedy: "Put them back: the new program reads them when it starts",
  async *find({ next, files }) {
    for (const name of new Set(readFiles(next))) {
      // A name without a folder may be one of QEMU's own files.
      if (!name.includes("/")) continue;
      if (await files.stat(name) === undefined) yield quoted(name);
    }
    for (const pipe of new Set(namedPipes(next))) {
      if (await isPipeMissing(pipe, files)) yield quoted(pipe);
    }
  },
});

/** There is a pipe for each direction, or one for both. */
async function isPipeMissing(
  name: string,
  files: ProcessFiles,
): Promise<boolean> {
  const [both, toGuest, fromGuest] = await Promise.all(
    [name, `${name}.in`, `${name}.out`].map((it) => files.stat(it)),
  );
  return both === undefined &&
    (toGuest === undefined || fromGuest === undefined);
}

function readFiles(commandLine: CommandLine): string[] {
  return [
    ...commandLine.texts(...READ),
    ...commandLine.texts("option-rom").map((it) => it.split(",")[0] ?? ""),
    ...Object.entries(READ_BY_KEY).flatMap(([option, keys]) =>
      keys.flatMap((key) => commandLine.all(option, key))
    ),
    ...commandLine.values("object")
      .filter((it) => it.get("qom-type") !== DUMP)
      .flatMap((it) => it.get("file") ?? []),
    ...chardevPaths(commandLine, ...HOST_DEVICES),
  ];
}

function namedPipes(commandLine: CommandLine): string[] {
  return [
    ...chardevPaths(commandLine, "pipe"),
    ...commandLine.texts(...DEVICE_OPTIONS)
      .flatMap((it) => OLD_PIPE.exec(it)?.[1] ?? []),
  ];
}

/** The paths of -chardev options with these back ends. */
function chardevPaths(
  commandLine: CommandLine,
  ...backends: readonly string[]
): string[] {
  return commandLine.where("chardev", "backend", ...backends)
    .flatMap((it) => it.get("path") ?? []);
}

/**
 * The folders of logs, sockets and pid files, which are created again, exist.
 */
export const argumentFolders: PreflightCheck = problemCheck({
  id: "argument-folders",
  ok: "the folders that arguments name exist",
  detail: (found) => `Folders that arguments name no longer exist: ${found}`,
  remedy:
    "Create them again: the new program makes files in them when it starts",
  async *find({ next, files }) {
    const made = madeFiles(next).filter((it) => !it.startsWith(DESCRIPTORS));
    for (const folder of new Set(made.map(folderOf))) {
      const info = await files.stat(folder);
      // A working directory is found even if it has been deleted.
      if (info === undefined || info.nlink === 0) yield quoted(folder);
    }
  },
});

/** Options whose whole value is the name of a file that is created. */
const MADE = ["D", "pidfile"];
const VNC_SOCKET = /^unix:(.*)$/;

/** Every file that the new program creates, or opens if it exists. */
function madeFiles(commandLine: CommandLine): string[] {
  return [
    ...commandLine.texts(...MADE),
    ...serverPaths(commandLine),
    ...commandLine.texts(...DEVICE_OPTIONS).flatMap((it) => [
      namedFile(it) ?? [],
      namedSocket(it)?.keys.get("logfile") ?? [],
    ]).flat(),
    ...chardevPaths(commandLine, "file"),
    ...commandLine.all("chardev", "logfile"),
    ...commandLine.where("object", "qom-type", DUMP)
      .flatMap((it) => it.get("file") ?? []),
    ...commandLine.all("trace", "file"),
    ...["audio", "audiodev"].flatMap((it) => commandLine.all(it, "path")),
    ...commandLine.all("vnc", "vnc")
      .flatMap((it) => VNC_SOCKET.exec(it)?.[1] ?? []),
  ];
}

/** The paths of Unix sockets that the new program listens at. */
function serverPaths(commandLine: CommandLine): string[] {
  const sockets = [
    ...commandLine.where("chardev", "backend", "socket"),
    ...commandLine.texts(...DEVICE_OPTIONS).map(namedSocket)
      .flatMap((it) => it?.prefix.endsWith("unix:") ? [it.keys] : []),
  ];
  return sockets.filter((it) => it.boolean("server") === true)
    .filter((it) => it.boolean("abstract") !== true)
    .flatMap((it) => it.get("path") ?? []);
}

/**
 * A firmware file is as large as the VM's firmware; otherwise it would not
 * load.
 */
export const firmware: PreflightCheck = {
  id: "firmware",
  async run({ next, files, inventory }) {
    const name = [...next.all("machine", "firmware"), ...next.texts("bios")]
      .at(-1);
    const file = name === undefined ? undefined : await files.stat(name);
    if (name === undefined || file === undefined || !file.isFile) {
      return ok("the firmware is built in");
    }
    const size = await firmwareSize(inventory);
    return size === undefined || size === file.size
      ? ok("the firmware is as large as the VM's")
      : refuse(
        `Firmware ${quoted(name)} has ${file.size} bytes, and the VM's has ` +
          `${size}`,
        "Put the file back that the VM was started with",
      );
  },
};

/**
 * The RAMBlock of the firmware, in "info ramblock":
 *
 * ```
 * Block Name    PSize              Offset               Used              Total …
 *    pc.bios    4 KiB  0x0000000008000000 0x0000000000040000 0x0000000000040000 …
 * ```
 */
const FIRMWARE_BLOCK = /^\s*pc\.bios\s+\d+ \S+\s+0x\w+\s+0x\w+\s+(0x\w+)/;

/** In bytes; undefined if the VM has no such firmware. */
async function firmwareSize(inventory: Inventory): Promise<number | undefined> {
  for (const line of await inventory.human("info ramblock")) {
    const size = FIRMWARE_BLOCK.exec(line)?.[1];
    if (size !== undefined) return Number(size);
  }
  return undefined;
}

/**
 * A VM that gave up root opened its files before that. The new program has to
 * open them as the VM's user, and in a rollback so does the old one.
 */
export const reopening: PreflightCheck = {
  id: "reopening",
  async run(context) {
    const { facts: { pid }, running } = context;
    if (running.all("run-with", "user").length === 0) {
      return ok("the VM can still reopen its files");
    }
    const user = credentialsOf(await readStatus(pid), pid);
    const closed = await inaccessibleTo(user, context);
    return closed.length === 0
      ? ok("the VM's user may open again what the VM has open")
      : refuse(
        "The VM gave up root (-run-with user=), and its user may not open " +
          `again: ${listed(closed)}`,
        "Give them to the VM's user, folders of sockets included",
      );
  },
};

/** Permission bits, as in each third of a mode. */
const MAY_READ = 4;
const MAY_WRITE = 2;
const MAY_SEARCH = 1;

const BY_ACCESS_MODE = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE];

/** Links of descriptors that are not paths: memfds and deleted files. */
const NO_PATH = /^(?!\/)|^\/memfd:| \(deleted\)$/;

async function inaccessibleTo(
  user: Credentials,
  context: CheckContext,
): Promise<string[]> {
  const { files } = context;
  const closed = new Set<string>();
  for (const [number, { link, info }] of await files.open()) {
    // A file that stays open over an exec was passed in, or is not opened
    // again.
    const opened = NO_PATH.test(link) ? undefined : await files.info(number);
    if (opened?.closesOnExec !== true) continue;
    const wanted = BY_ACCESS_MODE[opened.flags & O_ACCMODE] ??
      MAY_READ | MAY_WRITE;
    const may = isAllowed(info, user, wanted) &&
      await canSearch(user, folderOf(link), context);
    if (!may) closed.add(link);
  }
  for (const path of serverPaths(context.next)) {
    const folder = folderOf(path);
    const info = await files.stat(folder);
    const may = info !== undefined &&
      isAllowed(info, user, MAY_WRITE | MAY_SEARCH) &&
      await canSearch(user, folder, context);
    if (!may) closed.add(path);
  }
  return [...closed];
}

/** Whether a user may pass through a folder and all folders above it. */
async function canSearch(
  user: Credentials,
  path: string,
  { files }: CheckContext,
): Promise<boolean> {
  for (let folder = path;; folder = folderOf(folder)) {
    const info = await files.stat(folder);
    if (info === undefined || !isAllowed(info, user, MAY_SEARCH)) return false;
    if (folder === "/" || folder === ".") return true;
  }
}

/** By the mode alone: an access list may allow more. */
function isAllowed(
  info: Deno.FileInfo,
  user: Credentials,
  wanted: number,
): boolean {
  if (user.uid === 0) return true;
  const mode = info.mode ?? 0;
  const groups = [user.gid, ...user.groups];
  const bits = info.uid === user.uid
    ? mode >> 6
    : groups.includes(info.gid ?? -1)
    ? mode >> 3
    : mode;
  return (bits & wanted) === wanted;
}
