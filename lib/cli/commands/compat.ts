import type { QmpAddress } from "../../qmp/mod.ts";
import { command, textOperand, textValue, type Valued } from "../command.ts";
import { parseQmpAddress } from "../options/qmp_address.ts";
import { JSON_OPTION } from "../options/shared.ts";

/** `cprctl compat`: what a new QEMU would not load. */
export const compatCommand = command({
  name: "compat",
  brief: "List device state of an old QEMU that a new one could not load",
  description:
    "Compare the device state of two QEMUs. OLD and NEW are programs, which " +
    "are run with -dump-vmstate, or files that -dump-vmstate wrote, " +
    "compressed by gzip or zstd or not; they may be pipes, and - is standard " +
    "input. By default all device types are compared; --stream and --qmp limit this to the devices " +
    "of one VM. What QEMU itself would refuse is marked refuse. What the " +
    "dumps cannot decide is marked warn: they hold sizes in memory, not on " +
    "the wire. Exit status 0 means that nothing was found, which is no proof; " +
    "1 that there are warnings, 3 that the state would be refused.",
  options: {
    machine: textValue(
      "TYPE",
      "Machine type to run the programs with (default: the VM's, if any)",
    ),
    stream: textValue("FILE", "Only the devices whose state is in this file"),
    qmp: {
      value: "SOCKET",
      parse: parseQmpAddress,
      brief: "Only the devices of the VM with this QMP socket",
    } satisfies Valued<QmpAddress>,
    json: JSON_OPTION,
  },
  operands: [
    textOperand("OLD", "The old program or dump"),
    textOperand("NEW", "The new program or dump"),
  ],
  examples: [
    ["cprctl compat qemu-11.1 qemu-11.2", "all device types"],
    ["cprctl compat old.json new.json --stream vm.state", "those saved there"],
    ["cprctl compat OLD NEW --qmp /run/vm/a.qmp", "those of a running VM"],
    ["cprctl compat OLD NEW --json | jq .verdict", "for a script"],
  ],
  async run({ process }, options, old, next) {
    const { presentCompat } = await import("../present/compat.ts");
    await presentCompat(process, options, old, next);
  },
});
