import { type CheckContext, ok, type PreflightCheck, refuse } from "./check.ts";
import type { CommandLine } from "./command_line.ts";
import { listed } from "./wording.ts";

/** Options whose whole value is the name of a file. */
const WHOLE = ["kernel", "initrd", "dtb", "bios", "readconfig", "shim"];
/** Options with keys whose values are names of files. */
const KEYED: Readonly<Record<string, readonly string[]>> = {
  acpitable: ["file"],
  device: ["romfile"],
  fw_cfg: ["file"],
  object: ["file", "dir", "filename"],
  smbios: ["file"],
};

/** Files that the command line names, besides images, are still there. */
export const argumentFiles: PreflightCheck = {
  id: "argument-files",
  async run(context) {
    const missing: string[] = [];
    for (const name of new Set(namedFiles(context.next))) {
      if (await isMissing(name, context)) missing.push(name);
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

function namedFiles(commandLine: CommandLine): string[] {
  return [
    ...commandLine.texts(...WHOLE),
    ...Object.entries(KEYED).flatMap(([option, keys]) =>
      keys.flatMap((key) => commandLine.all(option, key))
    ),
  ];
}
