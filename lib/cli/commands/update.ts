import { command, type Valued } from "../command.ts";
import { METRICS_OPTION } from "../options/shared.ts";
import {
  jobsOption,
  parseCount,
  VM_OPTIONS,
  VM_USAGE,
} from "../options/vms.ts";

/** `cprctl update`: move a VM to a new QEMU. */
export const updateCommand = command({
  name: "update",
  brief: "Move a running VM to a new QEMU",
  description:
    "Move a running VM to a new QEMU in the same process: the PID stays the " +
    "same, guest RAM stays in place, and the downtime is about as long as " +
    "QEMU takes to start. Prints the outcome and where the time went. A VM " +
    "that already runs the new binary is left alone. With --mode cpr-transfer " +
    "the new QEMU starts as another process beside the running one, which " +
    "keeps the VM if anything fails; --mode auto does that if nothing depends " +
    "on the process.\n\n" +
    "The VM must have been started with aux-ram-share=on and its RAM in a " +
    "memory backend with share=on; cprctl check shows what is missing. With " +
    "--mode live the RAM of any VM is copied to such a backend, in another " +
    "process, while the guest runs.\n\n" +
    "With --domain, libvirt's daemon is stopped for a second or two, because " +
    "it would take the exec for the end of the VM. Other domains keep " +
    "running.\n\n" +
    "With --all, guests are stopped one at a time, and none after an update " +
    "has failed (see --max-failures). The exit status is that of the worst " +
    "result.",
  usage: VM_USAGE,
  options: {
    ...VM_OPTIONS,
    jobs: jobsOption(2),
    metrics: METRICS_OPTION,
    "max-failures": {
      value: "NUMBER",
      parse: parseCount,
      brief: "With --all: stop after this many failed updates (default: 1)",
    } satisfies Valued<number>,
  },
  operands: [],
  examples: [
    ["cprctl update --qmp /run/vm/a.qmp", "after a package upgrade"],
    ["cprctl update --qmp /run/vm/a.qmp --binary /opt/qemu", "a custom build"],
    ["cprctl update --qmp /run/vm/a.qmp --force", "even if it is not due"],
    [
      "cprctl update --qmp /run/vm/a.qmp --mode auto",
      "less downtime",
    ],
    ["cprctl update --qmp /run/vm/a.qmp --mode live", "RAM not shared yet"],
    ["cprctl update --qmp /run/vm/a.qmp --report a.html", "keep a record"],
    ["cprctl update --domain web", "a libvirt domain"],
    ["cprctl update --all", "every VM of this host"],
    ["cprctl update --all 'web-*' --jobs 4", "VMs by name"],
    ["cprctl update --all --metrics cprctl.prom", "for Prometheus"],
  ],
  async run(context, options) {
    const { workOnVms } = await import("../present/vms.ts");
    const reports = await workOnVms(context, options, "update");
    if (options.metrics === undefined) return;
    const { writeMetrics } = await import("../files/side.ts");
    const host = await context.engine.listVms({ asksMonitors: true });
    await writeMetrics(context.process, options.metrics, reports, host);
  },
});
