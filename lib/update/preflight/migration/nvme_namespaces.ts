import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";

const CONTROLLER = "nvme";
const NAMESPACE = "nvme-ns";

/**
 * An NVMe controller has the one namespace that its own drive is. QEMU 11.1
 * refuses to save any other when the VM stands still already, and one without
 * a namespace ends it.
 */
export const nvmeNamespaces: PreflightCheck = {
  id: "nvme-namespaces",
  async run({ inventory }) {
    const problems: string[] = [];
    for (const { type, name, path } of await inventory.devices()) {
      if (type === NAMESPACE) {
        problems.push(`NVMe namespace ${quoted(name)} is a device of its own`);
      } else if (
        type === CONTROLLER && !text(await inventory.property(path, "drive"))
      ) {
        problems.push(
          `NVMe controller ${quoted(name)} has no drive of its own`,
        );
      }
    }
    return problems.length === 0
      ? ok("every NVMe controller has one namespace, or there is none")
      : refuse(
        `${joined(problems)}: QEMU cannot save that`,
        "Give each NVMe controller its drive (-device nvme,drive=…) and no " +
          "other namespace, or shut the guest down and start the VM on the " +
          "new program",
      );
  },
};
