/**
 * The old program saves the state of every device, and the new one loads it.
 * Devices for which this is known to fail are refused.
 *
 * @module
 */

import { compareDumps } from "../../inspect/compat/compare.ts";
import type { Description, Dump } from "../../inspect/compat/dump.ts";
import {
  type CompatFinding,
  type Compatibility,
  verdictOf,
} from "../../inspect/compat/finding.ts";
import { typesInUse } from "../../inspect/compat/in_use.ts";
import { InspectError } from "../../inspect/error.ts";
import { programDump, runningDump } from "../programs/probe.ts";
import { devicesIn, type TreeDevice } from "../vm/device_tree.ts";
import { text } from "../vm/reply.ts";
import {
  type Finding,
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  skipped,
  warn,
} from "./check.ts";
import { NOT_QEMU, obstacleToAsking } from "./new_program.ts";

/** The new program loads the state of every device in use. */
export const compat: PreflightCheck = {
  id: "compat",
  async run(context) {
    const obstacle = await obstacleToAsking(context);
    if (obstacle !== undefined) return obstacle;
    const { binary, facts, inventory, sandbox } = context;
    const inUse = typesInUse(await inventory.human("info qom-tree"));
    if (!("types" in inUse) || inUse.types.size === 0) {
      return skipped("the VM does not report its types of devices");
    }
    return await unlessNoDump(async () => {
      const [old, next] = await Promise.all([
        runningDump(facts, sandbox),
        programDump(binary, facts, context),
      ]);
      return compatFinding(compareDumps(old, next, inUse));
    });
  },
};

/** A finding that needs dumps, which not every program can make. */
async function unlessNoDump(find: () => Promise<Finding>): Promise<Finding> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof InspectError)) throw error;
    return skipped(`cannot be checked: ${error.message}`);
  }
}

const COMPAT_REMEDY = "Move to another release, or restart the VM on this " +
  "one; cprctl compat shows more";

function compatFinding(compatibility: Compatibility): Finding {
  const hits = compatibility.findings.filter(({ hit }) => hit === true);
  switch (verdictOf(compatibility)) {
    case "compatible":
      return ok(
        "the new program loads the state of every device in use, as far as " +
          "-dump-vmstate shows",
      );
    case "doubtful":
      return warn(
        `The new program may not load: ${hitsAsText(hits)}`,
        COMPAT_REMEDY,
      );
    case "refused": {
      const certain = hits.filter(({ grade }) => grade === "refuse");
      return refuse(
        `The new program would refuse ${hitsAsText(certain)}`,
        COMPAT_REMEDY,
      );
    }
  }
}

function hitsAsText(findings: readonly CompatFinding[]): string {
  return joined(findings.map(({ vmsd, field, detail }) => {
    if (vmsd === undefined) return detail;
    return field === undefined
      ? `"${vmsd}": ${detail}`
      : `"${field}" of "${vmsd}": ${detail}`;
  }));
}

/**
 * QEMU saves the state of every device that the guest has set up, except for a
 * few: for these it saves nothing, without any error. The guest would find
 * their addresses and interrupts gone.
 */
export const deviceState: PreflightCheck = {
  id: "device-state",
  async run({ facts, inventory, sandbox }) {
    if (facts.program !== "QEMU") return NOT_QEMU;
    const devices = devicesIn(await inventory.human("info qtree"));
    if (devices.length === 0) {
      return skipped("the VM does not report its devices");
    }
    return await unlessNoDump(async () => {
      const dump = await runningDump(facts, sandbox);
      const unsaved = devices.filter((device) => !isSaved(device, dump));
      return unsaved.length === 0
        ? ok("the running program saves the state of every device")
        : refuse(
          `QEMU does not save the state of ${
            joined(unsaved.map(deviceAsText))
          }: the guest would find it reset`,
          "Take it out of the VM, or shut the guest down and start the VM on " +
            "the new program",
        );
    });
  },
};

function deviceAsText({ type, id, pci }: TreeDevice): string {
  const words = [id === "" ? [] : quoted(id), pci?.address ?? []].flat();
  return words.length === 0 ? type : `${type} (${words.join(", ")})`;
}

/** Every PCI device has it: its configuration space and its interrupt. */
const PCI_STATE = "PCIDevice";
/**
 * Types that register a description for each device, which no dump contains.
 */
const DESCRIBED_ONE_BY_ONE = /^i82(55\d\w*|562|801)$/;
/** Types on other buses that have state, but no description of it. */
const UNDESCRIBED = new Set([
  "adlib",
  "hyperv-testdev",
  "i2c-echo",
  "pc-testdev",
]);
/** Virtual functions (SR-IOV): they exist once the guest enables them. */
const VIRTUAL_FUNCTION = /^igbvf$/;
/** A virtio device saves the state of its transport as well. */
const VIRTIO_BUS = /^virtio-(pci|mmio)-bus$/;

function isSaved(device: TreeDevice, { types }: Dump): boolean {
  const { type, busType, pci, children } = device;
  if (UNDESCRIBED.has(type)) return false;
  // QEMU creates them in advance, in case the guest enables them.
  if (VIRTUAL_FUNCTION.test(type) && pci?.mapped === 0) return true;
  if (VIRTIO_BUS.test(busType)) return types.has(type);
  // Without these a PCI device has nothing that a guest would set up.
  if (pci === undefined || pci.bars === 0 && !pci.isBridge) return true;
  if (children.some((it) => VIRTIO_BUS.test(it.busType))) return true;
  if (DESCRIBED_ONE_BY_ONE.test(type)) return true;
  const description = types.get(type);
  return description !== undefined && hasPciState(description);
}

function hasPciState({ name, fields, subsections }: Description): boolean {
  const parts = fields.map(({ description }) => description);
  return name === PCI_STATE ||
    [...parts, ...subsections].some((it) =>
      it !== undefined && hasPciState(it)
    );
}

const CONTROLLER = "nvme";
const NAMESPACE = "nvme-ns";

/**
 * An NVMe controller has one namespace, that of its own drive. QEMU 11.1
 * refuses to save any other, but only after the VM was stopped; and it crashes
 * on a controller without a namespace.
 */
export const nvmeNamespaces: PreflightCheck = problemCheck({
  id: "nvme-namespaces",
  ok: "every NVMe controller has one namespace, or there is none",
  detail: (found) => `${found}: QEMU cannot save that`,
  remedy: "Give each NVMe controller its drive (-device nvme,drive=…) and no " +
    "other namespace, or shut the guest down and start the VM on the new " +
    "program",
  async *find({ inventory }) {
    for (const { type, name, path } of await inventory.devices()) {
      if (type === NAMESPACE) {
        yield `NVMe namespace ${quoted(name)} is a device of its own`;
      } else if (
        type === CONTROLLER && !text(await inventory.property(path, "drive"))
      ) {
        yield `NVMe controller ${quoted(name)} has no drive of its own`;
      }
    }
  },
});

/**
 * QEMU 11.1 crashes when it saves one of these: the device has two ports, and
 * its description has four.
 */
const FATAL = new Set(["pci-serial-2x"]);

/** QEMU survives saving every device. */
export const fatalDevices: PreflightCheck = problemCheck({
  id: "fatal-devices",
  ok: "no device is known to end QEMU when it is saved",
  detail: (found) => `QEMU crashes when it saves the state of ${found}`,
  remedy: "Take it out of the VM, or shut the guest down and start the VM on " +
    "the new program",
  async find({ inventory }) {
    const types = (await inventory.devices()).map(({ type }) => type);
    return [...new Set(types)].filter((type) => FATAL.has(type)).map(quoted);
  },
});

/**
 * Groups, devices and containers of vfio, by their paths and links in /proc.
 */
const VFIO = /^\/dev\/vfio\/|^anon_inode:\[?vfio/;

/** No host device is passed through: a rollback might not restore it. */
export const vfio: PreflightCheck = {
  id: "vfio",
  async run({ files }) {
    const links = [...(await files.open()).values()].map(({ link }) => link);
    return links.some((link) => VFIO.test(link))
      ? refuse(
        "The VM has devices of the host (vfio), which a rollback might not " +
          "restore",
        "Take them out of the VM, or restart it on the new program",
      )
      : ok("the VM has no devices of the host");
  },
};
