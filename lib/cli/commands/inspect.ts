import { buildCommand } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { switchFlag } from "../flags/parameters.ts";
import type { InspectFlags } from "../present/inspection.ts";

/** `cprctl inspect`: what is in a VM's saved state. */
export const inspectCommand = buildCommand<
  InspectFlags,
  [file?: string],
  CliContext
>({
  docs: {
    brief: "Show what is in a VM's saved state, field by field",
    fullDescription: withExamples(
      "Show what is in a migration stream (of QEMU 2.8 and later, with or without\n" +
        "guest memory, mapped-ram too), in a file of virsh save that is not compressed,\n" +
        "or in CPR state. FILE may be a FIFO; - is\n" +
        "standard input: what comes through a pipe and is above 64 MiB is kept in\n" +
        "TMPDIR meanwhile. Files above 64 MiB are mapped into memory: one that is\n" +
        "truncated meanwhile ends cprctl. A stream that cannot be read to its end is\n" +
        "shown up to there, and the exit code is 1.",
      [
        ["cprctl inspect vm.state", "everything, what repeats once"],
        ["cprctl inspect vm.state --section cpu:1", "one vCPU"],
        ["cprctl inspect vm.state --json | jq .ram", "for a program to read"],
        ["cprctl inspect vm.state --verify", "is every byte understood?"],
        ["cprctl inspect vm.state --extract-ram ram/", "a file a RAMBlock"],
        ["cprctl inspect x --offset 4096", "as QEMU was told to write it"],
        ["cprctl inspect --pid 4711", "the CPR state of a waiting cpr-exec"],
      ],
    ),
  },
  parameters: {
    flags: {
      pid: {
        kind: "parsed",
        parse: parsePid,
        brief: "Show the CPR state of this process in place of a file",
        placeholder: "pid",
        optional: true,
      },
      section: {
        kind: "parsed",
        parse: String,
        brief: "Only this section: NAME, its last part, or NAME:INSTANCE",
        placeholder: "name",
        optional: true,
      },
      offset: {
        kind: "parsed",
        parse: parseOffset,
        brief: "Where the stream begins in the file, if not at its start",
        placeholder: "bytes",
        optional: true,
      },
      offsets: switchFlag("Begin each line with its offset in the stream"),
      json: switchFlag("Print one JSON document"),
      verify: switchFlag("Encode what was decoded, and compare every byte"),
      "extract-ram": {
        kind: "parsed",
        parse: parseFolder,
        brief: "Write guest memory into this folder, a sparse file a RAMBlock",
        placeholder: "folder",
        optional: true,
      },
    },
    positional: {
      kind: "tuple",
      parameters: [{
        parse: String,
        brief: "The state file",
        placeholder: "file",
        optional: true,
      }],
    },
  },
  loader: async () => {
    const { presentInspection } = await import("../present/inspection.ts");
    return function (
      this: CliContext,
      flags: InspectFlags,
      file?: string,
    ): void {
      presentInspection(this.process, flags, file);
    };
  },
});

function parseOffset(text: string): number {
  if (!/^(\d{1,15}|0x[0-9a-f]{1,12})$/i.test(text)) {
    throw new UsageError("Want a number of bytes");
  }
  return Number(text);
}

/** An empty name would be the root folder: most often a variable that is unset. */
function parseFolder(text: string): string {
  if (text === "") throw new UsageError("Want a folder");
  return text;
}

function parsePid(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError("Want a process id");
  return Number(text);
}
