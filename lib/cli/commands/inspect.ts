import { UsageError } from "../../errors.ts";
import type { FieldValue, PagePlace } from "../../inspect/mod.ts";
import { command, textOperand, textValue, type Valued } from "../command.ts";
import { ofVms } from "../options/vms.ts";
import {
  JSON_OPTION,
  LIMIT_OPTION,
  parsePid,
  REPORT_OPTION,
  SECTION_NAMES,
} from "../options/shared.ts";

/** `cprctl inspect`: what is in a VM's saved state. */
export const inspectCommand = command({
  name: "inspect",
  brief: "Show the contents of a VM's saved state, field by field",
  description:
    "Show the contents of a migration stream (QEMU 2.8 and later, with or " +
    "without guest memory, mapped-ram included), of a virsh save file, of a " +
    "snapshot in a qcow2 image, or of CPR state; gzip and zstd are " +
    "decompressed. FILE may be a FIFO, and - is standard input. Input from a " +
    "pipe and decompressed input beyond 64 MiB is stored in TMPDIR while it " +
    "is read; a file beyond 64 MiB is mapped into memory: do not truncate it " +
    "while it is read. Virtio devices, PCI configuration space and MSI-X, which " +
    "QEMU does not describe, are decoded as well. A damaged stream is shown " +
    "up to the damage, and the exit status is 1.",
  options: {
    pid: {
      value: "PID",
      parse: parsePid,
      propose: (context) => ofVms(context, ({ pid }) => `${pid}`),
      brief: "Show the CPR state of this process instead of a file",
    } satisfies Valued<number>,
    section: textValue("NAMES", `Show only these sections: ${SECTION_NAMES}`),
    grep: textValue(
      "TEXT",
      "Show only fields whose path or value contains TEXT, one per line",
    ),
    field: textValue(
      "PATHS",
      "Show only fields with this path, and all that is in them, with * and " +
        "?; several with commas; bytes as by hexdump",
    ),
    page: {
      value: "BLOCK:OFFSET",
      parse: parsePage,
      brief: "Show only the page of guest memory that holds this byte of a " +
        "RAMBlock, and the records that it comes from",
    } satisfies Valued<PagePlace>,
    desc: {
      brief: "Show the fields without their values, as vmdesc describes them",
    },
    set: {
      value: "PATH=VALUE",
      parse: parseFieldValue,
      brief: "Write a copy of the stream, in which the field with this path " +
        "has another value: an integer, true, false, or bytes in hex",
    } satisfies Valued<FieldValue>,
    output: textValue("FILE", "Write the copy to FILE, a new file"),
    offset: {
      value: "BYTES",
      parse: parseOffset,
      brief: "Where in the file the stream begins (default: at its start)",
    } satisfies Valued<number>,
    snapshot: textValue(
      "NAME",
      "Show the VM state of this snapshot, if FILE is a qcow2 image with " +
        "several",
    ),
    offsets: { brief: "Begin each line with its offset in the stream" },
    json: JSON_OPTION,
    limit: LIMIT_OPTION,
    report: {
      ...REPORT_OPTION,
      brief: "Write what is shown to FILE instead, as an HTML page",
    },
    verify: { brief: "Encode what was decoded and compare every byte" },
    "extract-ram": textValue(
      "FOLDER",
      "Write guest memory to FOLDER, one sparse file per RAMBlock",
    ),
  },
  operands: [
    { ...textOperand("FILE", "The state file"), optional: true },
  ],
  examples: [
    ["cprctl inspect vm.state", "everything, repeated values once"],
    ["cprctl inspect vm.state --section cpu:1", "one vCPU"],
    ["cprctl inspect vm.state --section 'cpu,virtio*'", "several sections"],
    ["cprctl inspect vm.state --grep msr", "fields by name"],
    ["cprctl inspect vm.state --field 'env.segs[*].base'", "by their paths"],
    ["cprctl inspect vm.state --page pc.ram:0x7c00", "a page of the guest"],
    ["cprctl inspect vm.state --desc", "fields, types and versions"],
    ["cprctl inspect vm.state --json | jq .ram", "for a script"],
    ["cprctl inspect vm.state --report vm.html", "for a browser"],
    ["cprctl inspect vm.state --verify", "re-encode and compare"],
    ["cprctl inspect vm.state --extract-ram ram/", "guest memory"],
    ["cprctl inspect a.state --set x=1 --output b.state", "a changed copy"],
    ["cprctl inspect vm.state --offset 4096", "a stream at an offset"],
    ["cprctl inspect disk.qcow2 --snapshot boot", "what savevm saved"],
    ["cprctl inspect --pid 4711", "CPR state of a waiting process"],
  ],
  async run({ process }, options, file) {
    const { presentInspection } = await import("../present/inspection.ts");
    await presentInspection(process, options, file);
  },
});

function parseOffset(text: string): number {
  if (!/^(\d{1,15}|0x[0-9a-f]{1,12})$/i.test(text)) {
    throw new UsageError("Expected a number of bytes");
  }
  return Number(text);
}

/** Names of blocks may contain colons. */
function parsePage(text: string): PagePlace {
  const colon = text.lastIndexOf(":");
  if (colon < 1) throw new UsageError("Expected BLOCK:OFFSET");
  const offset = parseOffset(text.slice(colon + 1));
  return { block: text.slice(0, colon), offset };
}

/** Paths have no equals sign, but names of other senders may. */
function parseFieldValue(text: string): FieldValue {
  const sign = text.lastIndexOf("=");
  if (sign < 1) throw new UsageError("Expected PATH=VALUE");
  return { path: text.slice(0, sign), text: text.slice(sign + 1) };
}
