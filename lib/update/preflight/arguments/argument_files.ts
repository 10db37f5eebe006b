import { DEVICE_OPTIONS } from "../../command/character_device.ts";
import type { CommandLine } from "../../command/command_line.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { listed } from "../wording.ts";

/** Options whose whole value is the name of a file. */
const WHOLE = ["kernel", "initrd", "dtb", "bios", "readconfig", "shim"];
/** Options with keys whose values are names of files or folders. */
const KEYED: Readonly<Record<string, readonly string[]>> = {
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

/** Character devices that open what is there. */
const OPENED = ["serial", "parallel"];
const PIPE = "pipe";
const OLD_PIPE = /^pipe:(.*)$/;

/** The only object whose file need not be there. */
const DUMP = "filter-dump";

/** Files that the command line names, besides images, are still there. */
export const argumentFiles: PreflightCheck = {
  id: "argument-files",
  async run(context) {
    const missing: string[] = [];
    for (const name of new Set(namedFiles(context.next))) {
      if (await isMissing(name, context)) missing.push(name);
    }
    for (const pipe of new Set(pipes(context.next))) {
      if (await isMissingPipe(pipe, context)) missing.push(pipe);
    }
    return missing.length === 0
      ? ok("files that arguments name are there")
      : refuse(
        `Files that arguments name are no longer there: ${listed(missing)}`,
        "Put them back: the new program reads them at its start",
      );
  },
};

/** A name without a folder may be one of QEMU's own files. */
async function isMissing(
  name: string,
  { files }: CheckContext,
): Promise<boolean> {
  return name.includes("/") && await files.stat(name) === undefined;
}

/** A pipe for each direction, or one for both. */
async function isMissingPipe(
  name: string,
  { files }: CheckContext,
): Promise<boolean> {
  const [both, toGuest, fromGuest] = await Promise.all(
    [name, `${name}.in`, `${name}.out`].map((it) => files.stat(it)),
  );
  return both === undefined &&
    (toGuest === undefined || fromGuest === undefined);
}

function namedFiles(commandLine: CommandLine): string[] {
  return [
    ...commandLine.texts(...WHOLE),
    ...commandLine.texts("option-rom").map((it) => it.split(",")[0] ?? ""),
    ...Object.entries(KEYED).flatMap(([option, keys]) =>
      keys.flatMap((key) => commandLine.all(option, key))
    ),
    ...commandLine.values("object")
      .filter((it) => it.get("qom-type") !== DUMP)
      .flatMap((it) => it.get("file") ?? []),
    ...commandLine.values("chardev")
      .filter((it) => OPENED.includes(it.get("backend") ?? ""))
      .flatMap((it) => it.get("path") ?? []),
  ];
}

function pipes(commandLine: CommandLine): string[] {
  return [
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === PIPE)
      .flatMap((it) => it.get("path") ?? []),
    ...commandLine.texts(...DEVICE_OPTIONS)
      .flatMap((it) => OLD_PIPE.exec(it)?.[1] ?? []),
  ];
}
