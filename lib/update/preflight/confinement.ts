/**
 * A rollback restores the VM's confinement: no more rights, and no fewer.
 *
 * @module
 */

import { capabilitiesIn } from "../../../ffi/capabilities.ts";
import { readStatus } from "../../proc/status.ts";
import { ifThere } from "../../gone.ts";
import { deniesSpawn } from "../command/obstacles.ts";
import { credentialsOf } from "../process/identity.ts";
import {
  afterRestart,
  mayConfine,
  ownConfinement,
} from "../standby/confinement.ts";
import {
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  refuse,
  warn,
  weaker,
} from "./check.ts";

/** The VM's sandbox lets it execute another program. */
export const sandbox: PreflightCheck = {
  id: "sandbox",
  async run(context) {
    const { facts, running, seccomp: { filters } } = context;
    if (deniesSpawn(running)) {
      return refuse(
        "The VM may not execute another program: -sandbox with spawn=deny",
        "Restart the VM once with spawn=allow in its -sandbox",
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
      filters.length === 0
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
