import { capabilitiesIn } from "../../../../ffi/capabilities.ts";
import { parseCredentials } from "../../process/identity.ts";
import {
  afterRestart,
  mayConfine,
  ownConfinement,
  parseConfinement,
} from "../../standby/confinement.ts";
import { ok, type PreflightCheck, refuse, warn, weaker } from "../check.ts";
import { joined } from "../wording.ts";
import { readProcText } from "../../process/proc.ts";

/** A rollback gives the VM no rights that it did not have. */
export const confinement: PreflightCheck = {
  id: "confinement",
  async run(context) {
    const { facts } = context;
    const status = await readProcText(facts.pid, "status");
    const its = parseConfinement(status);
    const own = ownConfinement();
    if (!mayConfine(its, own)) {
      return refuse(
        "The VM's process has fewer capabilities in its bounding set than " +
          "cprctl, which may not take them from a VM that had to be put back",
        "Run cprctl as root",
      );
    }
    const { uid } = parseCredentials(status, facts.pid);
    const { gained, lost } = afterRestart(its, uid, own);
    if (gained !== 0n) {
      return weaker(
        context,
        "The VM gave up capabilities that it would have again if it had to " +
          `be put back: ${named(gained)}`,
        "Restart the VM without them in its bounding set (such as " +
          "CapabilityBoundingSet= of systemd), or with no_new_privs",
      );
    }
    if (lost !== 0n) {
      return warn(
        "A VM that had to be put back would have lost capabilities: " +
          named(lost),
        "Run cprctl with at least the VM's capabilities, and give them to " +
          "the VM as ambient ones",
      );
    }
    return ok("a rollback would confine the VM as it is");
  },
};

function named(set: bigint): string {
  return joined(capabilitiesIn(set).map((number) => `number ${number}`));
}
