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
    "would be refused.",
  usage: VM_USAGE,
  options: { ...VM_OPTIONS, jobs: jobsOption(4) },
  operands: [],
  examples: [
    ["cprctl check --qmp /run/vm/a.qmp", "before an update"],
    ["cprctl check --qmp /run/vm/a.qmp -v", "every check"],
    ["cprctl check --qmp /run/vm/a.qmp --json", "for a program to read"],
    ["cprctl check --domain web", "a domain of libvirt"],
    ["cprctl check --all", "every VM of this host"],
  ],
  async run(context, options) {
    const { workOnVms } = await import("../present/vms.ts");
    await workOnVms(context, options, "check");
  },
});
