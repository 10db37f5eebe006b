import { UsageError } from "../../errors.ts";
import { command } from "../command.ts";
import { jobsOption, VM_OPTIONS, VM_USAGE } from "../options/vms.ts";

/** `cprctl check`: what an update would do. */
export const checkCommand = command({
  name: "check",
  brief: "Dry run of update: check a VM and change nothing",
  description:
    "Run every check of an update and stop before the VM is touched. Prints " +
    "what refuses or warns, with a remedy, and how the command line would " +
    "change; also for a VM that runs the new binary already. Exit status 0 " +
    "means that an update would go ahead or has nothing to do, 3 that it " +
    "would be refused.\n\nWith -- and a command line of QEMU, check that " +
    "command line as cprctl prepare does, before a VM is started with it.",
  usage: [...VM_USAGE, "[--json] -- QEMU ARGUMENT..."],
  takesCommandLine: true,
  options: { ...VM_OPTIONS, jobs: jobsOption(4) },
  operands: [],
  examples: [
    ["cprctl check --qmp /run/vm/a.qmp", "before an update"],
    ["cprctl check --qmp /run/vm/a.qmp -v", "every check"],
    ["cprctl check --qmp /run/vm/a.qmp --json", "for a script"],
    ["cprctl check --domain web", "a libvirt domain"],
    ["cprctl check --all", "every VM of this host"],
    ["cprctl check -- qemu-system-x86_64 -m 2G", "a VM before it is started"],
  ],
  async run(context, options) {
    const { commandLine, engine, process } = context;
    if (commandLine !== undefined) {
      if (commandLine.length === 0) {
        throw new UsageError("Expected a command line of QEMU after --");
      }
      const { presentPrepared } = await import("../present/prepared.ts");
      const judged = await engine.prepareCommand(commandLine);
      presentPrepared(process, options.json, judged);
      return;
    }
    const { workOnVms } = await import("../present/vms.ts");
    await workOnVms(context, options, "check");
  },
});
