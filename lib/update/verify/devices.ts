/** Devices on buses as they were created, and PCI devices as they are set up. */

import type { Json, JsonObject } from "../../qmp/mod.ts";
import { devicesIn, type TreeDevice } from "../vm/device_tree.ts";
import { asArray, asObject, objectsIn, text } from "../vm/reply.ts";
import { LastingNames, lastingText } from "./lasting.ts";
import { type Fields, objectsOf, type View } from "./view.ts";

/**
 * Every device with its bus and its properties. A device without an id is
 * called after its address, or else after its place in the tree.
 */
export const devices: View = {
  kind: "Device",
  from: ["deviceTree"],
  of: ({ deviceTree }) => {
    const tree = devicesIn((text(deviceTree) ?? "").split(/\r?\n/));
    const names = new LastingNames();
    const found = new Map<string, Fields>();
    /** The name of the device that each one is on. */
    const above = new Map<TreeDevice, string>();
    for (const device of tree) {
      const name = names.give(nameOf(device, above.get(device) ?? ""));
      found.set(name, fieldsOf(device));
      for (const child of device.children) above.set(child, name);
    }
    return found;
  },
};

function nameOf({ type, id, pci }: TreeDevice, above: string): string {
  if (id !== "") return id;
  if (pci !== undefined) return `${type} ${pci.address}`;
  return above === "" ? type : `${above}/${type}`;
}

function fieldsOf({ type, bus, pci, properties }: TreeDevice): Fields {
  const fields = new Map<string, string>([["type", type], ["bus", bus]]);
  if (pci !== undefined) {
    fields.set("address", pci.address).set("pci id", pci.ids);
  }
  for (const [name, value] of properties) fields.set(name, lastingText(value));
  return fields;
}

/** Of bridges behind bridges; QEMU has 256 buses. */
const MAXIMUM_DEPTH = 256;

/**
 * PCI devices as the guest has set them up: addresses, interrupts, and the
 * buses behind bridges. A load that succeeds may have lost a device's state.
 */
export const pciDevices: View = {
  kind: "PCI device",
  from: ["pci"],
  of: ({ pci }) => {
    const found: [string, Json][] = [];
    for (const bus of asArray(pci)) {
      collectPci(asObject(bus)["devices"], found, 0);
    }
    return objectsOf(found);
  },
};

function collectPci(
  list: Json | undefined,
  found: [string, Json][],
  depth: number,
): void {
  if (depth > MAXIMUM_DEPTH) return;
  for (const device of objectsIn(list)) {
    found.push([pciAddress(device), setUp(device)]);
    const { devices: behind } = asObject(device["pci_bridge"]);
    collectPci(behind, found, depth + 1);
  }
}

function pciAddress({ bus, slot, function: number }: JsonObject): string {
  const hex = (value: Json | undefined) =>
    Number(value).toString(16).padStart(2, "0");
  return `${hex(bus)}:${hex(slot)}.${Number(number)}`;
}

function setUp(device: JsonObject): Json {
  const { id, irq = null, irq_pin = null, regions, pci_bridge } = device;
  const { number = null, secondary = null, subordinate = null } = asObject(
    asObject(pci_bridge)["bus"],
  );
  const bars = objectsIn(regions).map(({ bar, type, address, size }) => [
    `bar ${bar}`,
    { type: type ?? null, address: address ?? null, size: size ?? null },
  ]);
  return {
    ...{ id: id ?? null, irq, irq_pin },
    bus: { number, secondary, subordinate },
    ...Object.fromEntries(bars),
  };
}
