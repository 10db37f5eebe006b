import { capabilitiesIn } from "../../../../ffi/capabilities.ts";
import { parseCredentials } from "../../process/identity.ts";
import { readSecurityLabel } from "../../process/security_label.ts";
import {
  afterRestart,
  mayConfine,
  ownConfinement,
  parseConfinement,
} from "../../world/confinement.ts";
import {
  type Finding,
  ok,
  type PreflightCheck,
  refuse,
  warn,
} from "../check.ts";
import { joined, quoted } from "../wording.ts";

/** A rollback gives the VM no rights that it did not have. */
export const confinement: PreflightCheck = {
  id: "confinement",
  async run({ facts }) {
    const status = await Deno.readTextFile(`/proc/${facts.pid}/status`);
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
      return refuse(
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
    return differentLabel(
      await readSecurityLabel(facts.pid),
      await readSecurityLabel("self"),
    ) ?? ok("a rollback would confine the VM as it is");
  },
};

/** The label of whoever starts a program is its own, but for the host's rules. */
export function differentLabel(
  its: string | undefined,
  own: string | undefined,
): Finding | undefined {
  if (its === own) return undefined;
  const [mine, theirs] = [own, its].map((it) => quoted(it ?? "none"));
  return warn(
    `A VM that had to be put back may lose its security label ${theirs}: ` +
      `cprctl has ${mine}`,
    "Run cprctl with the VM's label, or look at the VM's after a rollback",
  );
}

function named(set: bigint): string {
  return joined(capabilitiesIn(set).map((number) => `number ${number}`));
}
