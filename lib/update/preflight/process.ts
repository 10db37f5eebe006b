/**
 * The VM's process: whether we may hold it, and who else watches over it.
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { readCgroups } from "../../proc/cgroup.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import { isOfLibvirt } from "../command/obstacles.ts";
import { lastingGroups } from "../process/service.ts";
import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  refuse,
  warn,
  weaker,
} from "./check.ts";

/** We may hold the VM's memory: without that there is no rollback. */
export const processAccess: PreflightCheck = {
  id: "process-access",
  async run({ facts }) {
    let first: number | undefined;
    try {
      [first] = (await readDescriptors(facts.pid)).keys();
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
    if (first === undefined) return accessDenied(facts.pid, "see");
    using process = PidFd.open(facts.pid);
    using descriptor = ifPossible(() => process.getFd(first), "EPERM");
    return descriptor === undefined
      ? accessDenied(facts.pid, "duplicate")
      : ok("the VM's descriptors can be held");
  },
};

function accessDenied(pid: number, what: string): Finding {
  return refuse(
    `This user may not ${what} the descriptors of process ${pid}`,
    "Run cprctl as root, or with the capability CAP_SYS_PTRACE",
  );
}

/** No libvirt watches the VM: it would take the exec for the VM's end. */
export const libvirt: PreflightCheck = {
  id: "libvirt",
  run({ running }) {
    return isOfLibvirt(running)
      ? refuse(
        "The VM is managed by libvirt, which ends a VM whose monitor " +
          "connection closes, as it does at an exec",
        "Update it with libvirt, such as by virsh managedsave and start",
      )
      : ok("no libvirt manages the VM");
  },
};

const EXIT_TYPE = "Set ExitType=cgroup in the unit, and run systemctl " +
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
        return await leavesService(
          context,
          `The service ${name} ends with its main process: after a rollback ` +
            "the VM would run outside of it",
          EXIT_TYPE,
        );
      case "restarts":
        return refuse(
          `The service ${name} starts anew when its main process ends: it ` +
            "would start a second VM during a rollback",
          EXIT_TYPE,
        );
      case "unknown":
        return await leavesService(
          context,
          `Systemd does not say whether the service ${name} ends with its ` +
            "main process: after a rollback the VM might run outside of it",
          "Make sure that the unit has ExitType=cgroup",
        );
    }
  },
};

/** Worse if the VM would also lose the limits of its control groups. */
async function leavesService(
  context: CheckContext,
  detail: string,
  remedy: string,
): Promise<Finding> {
  const { facts } = context;
  const groups = await readCgroups(facts.pid);
  return Object.keys(lastingGroups(facts, groups)).length > 0
    ? warn(detail, remedy)
    : weaker(context, `${detail}, and without its limits`, remedy);
}

/** The VM does not end with the process that started it. */
export const parent: PreflightCheck = {
  id: "parent",
  run({ next }) {
    const isBound = next.values("run-with")
      .some((it) => it.boolean("exit-with-parent") === true);
    return isBound
      ? warn(
        "The VM ends with its parent (-run-with exit-with-parent=on), but " +
          "would not do so after a rollback: it has another parent then",
        "Make sure that the VM's supervisor finds and ends it after a rollback",
      )
      : ok("the VM does not end with its parent");
  },
};
