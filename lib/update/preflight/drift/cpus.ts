import type { OptionValue } from "../../../cmdline/mod.ts";
import { text } from "../../vm/reply.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { listed } from "../wording.ts";
import { isCpu } from "./devices.ts";

/** Parts of a topology whose product is the number of vCPUs. */
const LEVELS = [
  "drawers",
  "books",
  "sockets",
  "dies",
  "clusters",
  "modules",
  "cores",
  "threads",
];

/** The vCPUs are those that the command line makes. */
export const cpus: PreflightCheck = {
  id: "cpus",
  async run(context) {
    const { inventory } = context;
    const is = (await inventory.list("query-cpus-fast")).length;
    const was = cpusOf(context);
    const late = (await inventory.hotPlugged()).filter(isCpu)
      .map(({ name }) => name);
    if (is === was && late.length === 0) {
      return ok(`${is} vCPU${is === 1 ? "" : "s"}, as the command line says`);
    }
    const plugged = late.length === 0
      ? ""
      : `; plugged in at run time: ${listed(late)}`;
    return refuse(
      `The VM has ${is} vCPUs, and its command line makes ${was}${plugged}`,
      "Unplug the vCPUs that were plugged in (device_del), or restart the " +
        "VM with the present number in -smp",
    );
  },
};

function cpusOf({ running }: CheckContext): number {
  const plugged = running.values("device")
    .filter((device) => isCpuDriver(text(device.get("driver")) ?? ""));
  return fromTopology(running.values("smp")) + plugged.length;
}

function isCpuDriver(type: string): boolean {
  return isCpu({ type, name: "", path: "" });
}

/** Several -smp are one; what is not given is 1. */
function fromTopology(options: readonly OptionValue[]): number {
  const given = (key: string) =>
    options.map((option) => option.integer(key)).findLast((it) => it);
  return given("cpus") ?? given("maxcpus") ??
    LEVELS.reduce((product, level) => product * (given(level) ?? 1), 1);
}
