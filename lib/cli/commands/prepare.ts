import { command } from "../command.ts";
import { JSON_OPTION } from "../options/shared.ts";
import { ofVms } from "../options/vms.ts";

/** `cprctl prepare`: what VMs need to be updatable. */
export const prepareCommand = command({
  name: "prepare",
  brief: "Print what VMs must be started with to be updatable",
  description:
    "Check the command lines of this host's VMs, name what manages each, and " +
    "print the lines to add for its next planned restart, with the file they " +
    "go into. Nothing is run, and no monitor is queried; cprctl check finds " +
    "more in a VM that is ready. Exit status 0 means that every VM is " +
    "ready, 3 that some are not.",
  options: { json: JSON_OPTION },
  operands: [{
    name: "PATTERN",
    optional: true,
    parse: String,
    propose: (context) => ofVms(context, ({ name }) => name),
    brief: "Only VMs whose names match, with * and ?",
  }],
  examples: [
    ["cprctl prepare", "every VM that you may see"],
    ["cprctl prepare 'web-*'", "some of them"],
    ["cprctl prepare --json", "for a script"],
  ],
  async run({ process, engine }, { json }, pattern) {
    const { presentPrepared } = await import("../present/prepared.ts");
    presentPrepared(process, json, await engine.prepareVms(pattern));
  },
});
