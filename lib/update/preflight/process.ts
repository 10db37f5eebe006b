/**
 * The VM's process: whether we may hold it, who else watches over it, and
 * whether a rollback restores its confinement, with no more rights and no
 * fewer.
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { readCgroups } from "../../proc/cgroup.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import { deniesSpawn, isOfLibvirt } from "../command/obstacles.ts";
import {
  followsPidFile,
  lastingGroups,
  unitProblem,
} from "../process/service.ts";
import {
  type CheckContext,
  type Finding,
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  refuse,
  warn,
  weaker,
} from "./check.ts";
import { capabilitiesIn } from "../../../ffi/capabilities.ts";
import { readStatus } from "../../proc/status.ts";
import { ifThere } from "../../gone.ts";
import { credentialsOf } from "../process/identity.ts";
import {
  afterRestart,
  mayConfine,
  ownConfinement,
} from "../standby/confinement.ts";

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
      : ok("cprctl may duplicate the VM's file descriptors");
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
  run({ running, domain }) {
    if (!isOfLibvirt(running)) return ok("no libvirt manages the VM");
    return domain === undefined
      ? refuse(
        "The VM is managed by libvirt, which ends a VM whose monitor " +
          "connection closes, as it does at an exec",
        "Give --domain NAME in place of --qmp",
      )
      : ok(`libvirt's daemon is stopped while "${domain}" is updated`);
  },
};

/** In a rollback the VM's process ends: its unit must not end with it. */
export const service: PreflightCheck = {
  id: "service",
  async run(context) {
    const { facts: { service }, handOver } = context;
    if (service === undefined) return ok("the VM is no service of systemd");
    const name = `"${service.name}"`;
    if (followsPidFile(context.facts, handOver?.moves)) {
      return ok(`the service ${name} finds its main process by its PIDFile=`);
    }
    const problem = unitProblem(service);
    if (problem === undefined) {
      return ok(`the service ${name} does not end with the VM's process`);
    }
    const { detail, remedy, restarts } = problem;
    return restarts
      ? refuse(detail, remedy)
      : await leavesService(context, detail, remedy);
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

/** The VM's sandbox lets it be moved, and the new program is in it again. */
export const sandbox: PreflightCheck = {
  id: "sandbox",
  async run(context) {
    const { facts, mode, next, running, seccomp } = context;
    const { filters, forbidsExec } = seccomp;
    if (mode === "cpr-exec" && (forbidsExec || deniesSpawn(running))) {
      return refuse(
        "The VM may not execute another program: -sandbox with spawn=deny",
        "Update it with --mode cpr-transfer, or restart it once with " +
          "spawn=allow in its -sandbox",
      );
    }
    if (forbidsExec && !deniesSpawn(next)) {
      return refuse(
        "A seccomp filter keeps the VM from executing programs, and the new " +
          "program would be without it: no -sandbox has spawn=deny",
        "Restart the VM with -sandbox on,spawn=deny",
      );
    }
    const status = await readStatus(facts.pid);
    if (filters === null) {
      return weaker(
        context,
        "The VM is under a seccomp filter that cprctl may not read, and " +
          "would be without it after a rollback",
        "Run cprctl as root and under no filter of its own",
      );
    }
    if (filters.length > 0 && !status.confinement.noNewPrivileges) {
      return weaker(
        context,
        "The VM is under a seccomp filter and may still gain privileges: " +
          "a rollback could not install the filter again",
        "Restart the VM with no_new_privs (NoNewPrivileges= of systemd)",
      );
    }
    return ok(
      forbidsExec
        ? "the new program installs the filter that the VM is under"
        : filters.length === 0
        ? "no sandbox keeps the VM from executing another program"
        : "after a rollback the VM would be under its seccomp filter again",
    );
  },
};

/** A rollback gives the VM exactly the capabilities that it had. */
export const confinement: PreflightCheck = {
  id: "confinement",
  async run(context) {
    const { pid } = context.facts;
    const status = await readStatus(pid);
    const [theirs, own] = [status.confinement, ownConfinement()];
    if (!mayConfine(theirs, own)) {
      return refuse(
        "The VM's process has fewer capabilities in its bounding set than " +
          "cprctl, which may not drop them in a rollback",
        "Run cprctl as root",
      );
    }
    const { uid } = credentialsOf(status, pid);
    const { gained, lost } = afterRestart(theirs, uid, own);
    if (gained !== 0n) {
      return weaker(
        context,
        "The VM gave up capabilities that it would have again after a " +
          `rollback: ${capabilitiesAsText(gained)}`,
        "Restart the VM without them in its bounding set (such as " +
          "CapabilityBoundingSet= of systemd), or with no_new_privs",
      );
    }
    if (lost !== 0n) {
      return warn(
        "After a rollback the VM would lack capabilities: " +
          capabilitiesAsText(lost),
        "Run cprctl with at least the VM's capabilities, and give them to " +
          "the VM as ambient ones",
      );
    }
    return ok("after a rollback the VM would be confined as it is now");
  },
};

function capabilitiesAsText(set: bigint): string {
  return joined(capabilitiesIn(set).map((number) => `number ${number}`));
}

/** Namespaces that an existing process cannot enter. */
const CLOSED_NAMESPACES = ["user", "pid", "time"];

/** A rollback can start the old program in the VM's namespaces. */
export const namespaces: PreflightCheck = problemCheck({
  id: "namespaces",
  ok: "cprctl is in the VM's namespaces",
  detail: (found) =>
    `The VM is in namespaces that a rollback cannot enter (${found})`,
  remedy: "Run cprctl in the VM's container",
  async *find({ facts }) {
    for (const kind of CLOSED_NAMESPACES) {
      const [theirs, own] = await Promise.all([
        namespaceOf(facts.pid, kind),
        namespaceOf("self", kind),
      ]);
      if (theirs !== own) yield kind;
    }
  },
});

/** Undefined if the kernel has no namespaces of this kind. */
async function namespaceOf(
  pid: number | "self",
  kind: string,
): Promise<string | undefined> {
  return await ifThere(Deno.readLink(`/proc/${pid}/ns/${kind}`));
}
