/**
 * The PCI devices as the guest has set them up: addresses, interrupts, and the
 * buses behind bridges. A load that succeeds may still have a different device,
 * or have lost a device's state.
 *
 * @module
 */

import type { Executor, Json, JsonObject } from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";
import { asArray, asObject, ifKnown, objectsIn } from "./reply.ts";

/** Of bridges behind bridges; QEMU has 256 buses. */
const MAXIMUM_DEPTH = 256;
const MAXIMUM_NAMED = 5;

/** The PCI devices of a stopped VM. */
export class PciDevices {
  private constructor(
    /** The set-up of each device as text, by address such as "00:04.0". */
    private readonly devices: ReadonlyMap<string, string>,
  ) {}

  /** Queries them; a program without PCI has none. */
  static async take(client: Executor): Promise<PciDevices> {
    const devices = new Map<string, string>();
    for (const bus of asArray(await ifKnown(client.execute("query-pci")))) {
      collect(asObject(bus)["devices"], devices, 0);
    }
    return new PciDevices(devices);
  }

  /**
   * Compares with those of the destination.
   *
   * @throws {UpdateProblem} naming those that differ
   */
  requireSame(later: PciDevices): void {
    const addresses = new Set([
      ...this.devices.keys(),
      ...later.devices.keys(),
    ]);
    const changed = [...addresses].filter((address) =>
      this.devices.get(address) !== later.devices.get(address)
    );
    if (changed.length === 0) return;
    const more = changed.length - MAXIMUM_NAMED;
    const named = changed.sort().slice(0, MAXIMUM_NAMED).join(", ");
    throw new UpdateProblem(
      "pci-devices-differ",
      "The guest would find other PCI devices, or lose their addresses and " +
        `interrupts, at ${named}${more > 0 ? ` and ${more} more` : ""}`,
    );
  }
}

function collect(
  list: Json | undefined,
  devices: Map<string, string>,
  depth: number,
): void {
  if (depth > MAXIMUM_DEPTH) return;
  for (const device of objectsIn(list)) {
    devices.set(addressOf(device), setUp(device));
    const { devices: behind } = asObject(device["pci_bridge"]);
    collect(behind, devices, depth + 1);
  }
}

function addressOf({ bus, slot, function: number }: JsonObject): string {
  const hex = (value: Json | undefined) =>
    Number(value).toString(16).padStart(2, "0");
  return `${hex(bus)}:${hex(slot)}.${Number(number)}`;
}

/** A text to compare. */
function setUp(device: JsonObject): string {
  const { id, irq, irq_pin, regions, pci_bridge } = device;
  const { vendor, device: type } = asObject(id);
  const { number, secondary, subordinate } = asObject(
    asObject(pci_bridge)["bus"] ?? null,
  );
  return [
    ...[vendor, type, irq, irq_pin, number, secondary, subordinate],
    ...objectsIn(regions)
      .flatMap(({ bar, type, address, size }) => [bar, type, address, size]),
  ].join(" ");
}
