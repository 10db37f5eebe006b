import type {
  Description,
  Dump,
  DumpField,
} from "../../../inspect/compat/mod.ts";
import { InspectError } from "../../../inspect/error.ts";
import { devicesIn, type TreeDevice } from "../../vm/device_tree.ts";
import { ok, type PreflightCheck, refuse, skipped } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { runningDump } from "./known_dump.ts";

/** What every PCI device has: its configuration space, and its interrupt. */
const PCI_STATE = "PCIDevice";
/** Types whose devices describe their state one by one, which no dump has. */
const OF_THEIR_OWN = /^i82(55\d\w*|562|801)$/;
/** Types of other buses that have state and no description of it. */
const FORGETFUL = new Set([
  "adlib",
  "hyperv-testdev",
  "i2c-echo",
  "pc-testdev",
]);
/** What a network card has more of once its guest asks for them (SR-IOV). */
const VIRTUAL_FUNCTION = /^igbvf$/;
/** A device of virtio saves what carries it to the guest as well. */
const VIRTIO_BUS = /^virtio-(pci|mmio)-bus$/;

/**
 * QEMU saves the state of every device that the guest has set up. Of some it
 * saves nothing, and says nothing either: the guest would find its addresses
 * and its interrupt gone.
 */
export const deviceState: PreflightCheck = {
  id: "device-state",
  async run(context) {
    if (context.facts.program !== "QEMU") {
      return skipped("the VM is not QEMU's");
    }
    const devices = devicesIn(await context.inventory.human("info qtree"));
    if (devices.length === 0) {
      return skipped("the VM does not tell its devices");
    }
    try {
      const dump = await runningDump(context);
      const forgotten = devices.filter((it) => !isSaved(it, dump));
      return forgotten.length === 0
        ? ok("the running program saves the state of every device")
        : refuse(
          `QEMU does not save the state of ${joined(forgotten.map(named))}: ` +
            "the guest would find it reset",
          "Take it out of the VM, or shut the guest down and start the VM on " +
            "the new program",
        );
    } catch (error) {
      if (!(error instanceof InspectError)) throw error;
      return skipped(`cannot be checked: ${error.message}`);
    }
  },
};

function named({ type, id, pci }: TreeDevice): string {
  const words = [id === "" ? [] : quoted(id), pci?.address ?? []].flat();
  return words.length === 0 ? type : `${type} (${words.join(", ")})`;
}

function isSaved(device: TreeDevice, { types }: Dump): boolean {
  const { type, busType, pci, children } = device;
  if (FORGETFUL.has(type)) return false;
  // They are there in case the guest wants them.
  if (VIRTUAL_FUNCTION.test(type) && pci?.mapped === 0) return true;
  if (VIRTIO_BUS.test(busType)) return types.has(type);
  if (pci === undefined || !hasSetUp(pci)) return true;
  if (children.some((it) => VIRTIO_BUS.test(it.busType))) return true;
  if (OF_THEIR_OWN.test(type)) return true;
  const description = types.get(type);
  return description !== undefined && hasPciState(description);
}

/** Without these there is nothing in it that a guest would set up. */
function hasSetUp({ bars, isBridge }: NonNullable<TreeDevice["pci"]>): boolean {
  return bars > 0 || isBridge;
}

function hasPciState({ name, fields, subsections }: Description): boolean {
  const parts = fields.map(({ description }: DumpField) => description);
  return name === PCI_STATE ||
    [...parts, ...subsections].some((it) =>
      it !== undefined && hasPciState(it)
    );
}
