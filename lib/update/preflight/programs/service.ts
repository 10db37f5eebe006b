import { parseCgroups } from "../../process/cgroups.ts";
import { lastingGroups } from "../../process/service.ts";
import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  refuse,
  warn,
  weaker,
} from "../check.ts";

const REMEDY = "Set ExitType=cgroup in the unit, and run systemctl " +
  "daemon-reload";

/** In a rollback the VM's process ends: its unit must not end with it. */
export const service: PreflightCheck = {
  id: "service",
  async run(context) {
    const { service } = context.facts;
    if (service === undefined) return ok("the VM is no service of systemd");
    const name = `"${service.name}"`;
    switch (service.fate) {
      case "stays":
        return ok(`the service ${name} does not end with the VM's process`);
      case "ends":
        return await outside(
          context,
          `The service ${name} ends with its main process: a VM that had to ` +
            "be put back would run outside of it",
          REMEDY,
        );
      case "restarts":
        return refuse(
          `The service ${name} starts anew when its main process ends: it ` +
            "would start a second VM beside one that had to be put back",
          REMEDY,
        );
      case "unknown":
        return await outside(
          context,
          `Systemd does not say whether the service ${name} ends with its ` +
            "main process: a VM that had to be put back would run outside of it",
          "See that the unit has ExitType=cgroup",
        );
    }
  },
};

/** Whether it would be without the limits of its groups as well. */
async function outside(
  context: CheckContext,
  detail: string,
  remedy: string,
): Promise<Finding> {
  const { pid } = context.facts;
  const groups = parseCgroups(
    await Deno.readTextFile(`/proc/${pid}/cgroup`),
  );
  const left = Object.keys(lastingGroups(context.facts, groups));
  return left.length > 0
    ? warn(detail, remedy)
    : weaker(context, `${detail}, and without its limits`, remedy);
}
