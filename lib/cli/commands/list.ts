import { jsonText } from "../../inert.ts";
import { command } from "../command.ts";
import { JSON_OPTION, METRICS_OPTION } from "../options/shared.ts";

/** Some are outdated. */
const SOME = 3;

/** `cprctl list`: the virtual machines of this host. */
export const listCommand = command({
  name: "list",
  brief: "List this host's VMs and which are due for an update",
  description:
    "List the QEMU processes and embedded machines of this host: what they " +
    "run, whether it or a library has been replaced since, and any obvious " +
    "reason why they cannot be updated. Changes nothing; each monitor is " +
    "asked for name, version and status. cprctl check shows whether an " +
    "update would really work.\n\nWith --outdated, for hooks of package " +
    "managers: only VMs that run a binary or libraries that are no longer " +
    "on disk. Monitors are not queried, and nothing is printed if there are " +
    "none. Exit status 0 means that there are none, 3 that there are some.",
  options: {
    "no-qmp": {
      brief: "Do not query the monitors: version and status stay unknown",
    },
    outdated: {
      brief: "Only VMs whose binary or libraries were replaced on disk",
    },
    json: JSON_OPTION,
    metrics: METRICS_OPTION,
  },
  operands: [],
  examples: [
    ["cprctl list", "all VMs that you may see"],
    ["cprctl list --no-qmp", "without querying the monitors"],
    ["cprctl list --outdated", "after an upgrade of packages"],
    ["cprctl list --json", "for a script"],
    ["cprctl list --metrics cprctl.prom", "for Prometheus"],
  ],
  async run({ process, engine }, options) {
    const { outdated, json } = options;
    const asksMonitors = !options["no-qmp"] && !outdated;
    const found = await engine.listVms({ asksMonitors });
    const vms = outdated ? found.vms.filter(({ due }) => due) : found.vms;
    const shown = { ...found, vms };
    const { renderList } = await import("../terminal/list.ts");
    if (json) process.stdout.write(jsonText(shown));
    else if (!outdated || vms.length > 0) {
      process.stdout.write(renderList(shown, process.look));
    }
    if (outdated && vms.length > 0) process.exitCode = SOME;
    if (options.metrics === undefined) return;
    const { writeMetrics } = await import("../files/side.ts");
    await writeMetrics(process, options.metrics, [], found);
  },
});
