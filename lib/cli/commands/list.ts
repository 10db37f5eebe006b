import { buildCommand, type Command } from "@stricli/core";
import type { HostList, ListRequest } from "../../update/host/list.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { METRICS_FLAG, writeMetrics } from "../flags/metrics.ts";
import { switchFlag } from "../flags/parameters.ts";
import { inertJson } from "../../inert.ts";

/** Looks at this host. */
export type ListEngine = (request: ListRequest) => Promise<HostList>;

interface Flags {
  readonly "no-qmp": boolean;
  readonly json: boolean;
  readonly metrics?: string;
}

/**
 * `cprctl list`: the virtual machines of this host.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function listCommand(
  load: () => Promise<ListEngine>,
): Command<CliContext> {
  return buildCommand<Flags, [], CliContext>({
    docs: {
      brief: "List the VMs of this host, and which are due for an update",
      fullDescription: withExamples(
        "List this host's QEMU processes and embedded machines: what runs, whether its\n" +
          "binary was replaced since, and what at first sight keeps it from being\n" +
          "updated. Changes nothing; the monitors are asked for name, version and status.\n" +
          "cprctl check says whether an update would really work.",
        [
          ["cprctl list", "all that this user may see"],
          ["cprctl list --no-qmp", "without asking the monitors"],
          ["cprctl list --json", "for a program to read"],
          [
            "cprctl list --metrics /var/lib/node_exporter/cprctl.prom",
            "for Prometheus",
          ],
        ],
      ),
    },
    parameters: {
      flags: {
        "no-qmp": switchFlag(
          "Ask no monitor: neither version nor status is known then",
        ),
        json: switchFlag("Print one JSON document"),
        metrics: METRICS_FLAG,
      },
    },
    loader: async () => {
      const [list, { renderList }] = await Promise.all([
        load(),
        import("../terminal/list.ts"),
      ]);
      return async function (this: CliContext, flags: Flags): Promise<void> {
        const found = await list({ asksMonitors: !flags["no-qmp"] });
        const { stdout, look } = this.process;
        stdout.write(
          flags.json ? `${inertJson(found, 2)}\n` : renderList(found, look),
        );
        if (flags.metrics !== undefined) {
          await writeMetrics(this.process, flags.metrics, [], found);
        }
      };
    },
  });
}
