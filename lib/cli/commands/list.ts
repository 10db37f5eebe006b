import { jsonText } from "../../inert.ts";
import { command } from "../command.ts";
import { JSON_OPTION, METRICS_OPTION } from "../options/shared.ts";

/** `cprctl list`: the virtual machines of this host. */
export const listCommand = command({
  name: "list",
  brief: "List this host's VMs and which are due for an update",
  description:
    "List the QEMU processes and embedded machines of this host: what they " +
    "run, whether it or a library has been replaced since, and any obvious " +
    "reason why they cannot be updated. Changes nothing; each monitor is " +
    "asked for name, version and status. cprctl check tells whether an " +
    "update would really work.",
  options: {
    "no-qmp": {
      brief: "Do not query the monitors: version and status stay unknown",
    },
    json: JSON_OPTION,
    metrics: METRICS_OPTION,
  },
  operands: [],
  examples: [
    ["cprctl list", "all VMs that you may see"],
    ["cprctl list --no-qmp", "without querying the monitors"],
    ["cprctl list --json", "for a program to read"],
    ["cprctl list --metrics cprctl.prom", "for Prometheus"],
  ],
  async run({ process, engine }, options) {
    const found = await engine.listVms({ asksMonitors: !options["no-qmp"] });
    const { renderList } = await import("../terminal/list.ts");
    process.stdout.write(
      options.json ? jsonText(found) : renderList(found, process.look),
    );
    if (options.metrics === undefined) return;
    const { writeMetrics } = await import("../files/side.ts");
    await writeMetrics(process, options.metrics, [], found);
  },
});
