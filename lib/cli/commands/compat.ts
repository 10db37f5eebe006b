import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { oldAndNew, switchFlag } from "../flags/parameters.ts";
import { parseQmpAddress } from "../flags/qmp_address.ts";
import type { CompatFlags } from "../present/compat.ts";

/** `cprctl compat`: what a new QEMU would not load. */
export const compatCommand = buildCommand<
  CompatFlags,
  [old: string, next: string],
  CliContext
>({
  docs: {
    brief: "Say what of an old QEMU's device state a new one would not load",
    fullDescription: withExamples(
      "Compare the device state of two QEMUs. OLD and NEW are programs, which are run\n" +
        "with -dump-vmstate, or files that -dump-vmstate wrote, packed by gzip or not;\n" +
        "they may be pipes, and - is standard input. Every type of device counts, or\n" +
        "those alone that a VM has. What QEMU itself would refuse is marked refuse; what\n" +
        "the dumps cannot prove, warn: they tell sizes in memory, not on the wire. Exit\n" +
        "code 0 says that nothing was found, which is no proof; 1 that warnings were, 3\n" +
        "that the state would be refused.",
      [
        ["cprctl compat qemu-11.1 qemu-11.2", "every type of device"],
        ["cprctl compat old.json new.json --stream vm.state", "those saved"],
        ["cprctl compat OLD NEW --qmp /run/vm/a.qmp", "those of a running VM"],
        ["cprctl compat OLD NEW --json | jq .verdict", "for a program to read"],
      ],
    ),
  },
  parameters: {
    flags: {
      machine: {
        kind: "parsed",
        parse: String,
        brief: "The machine type to run programs with; else the VM's, or none",
        placeholder: "type",
        optional: true,
      },
      stream: {
        kind: "parsed",
        parse: String,
        brief: "Only the devices whose state is in this file",
        placeholder: "file",
        optional: true,
      },
      qmp: {
        kind: "parsed",
        parse: parseQmpAddress,
        brief: "Only the devices of the VM with this QMP socket",
        placeholder: "socket",
        optional: true,
      },
      json: switchFlag("Print one JSON document"),
    },
    positional: oldAndNew("program"),
  },
  loader: async () => {
    const { presentCompat } = await import("../present/compat.ts");
    return async function (
      this: CliContext,
      flags: CompatFlags,
      old: string,
      next: string,
    ): Promise<void> {
      await presentCompat(this.process, flags, old, next);
    };
  },
});
