/**
 * The devices in `info qtree` of the human monitor. No QMP command has types,
 * addresses and buses together.
 *
 * ```
 *       dev: virtio-blk-pci, id "disk"
 *         addr = 04.0
 *         class SCSI controller, addr 00:04.0, pci id 1af4:1001 (sub 1af4:0002)
 *         bar 0: i/o at 0xd000 [0xd07f]
 *         bus: virtio-bus
 *           type virtio-pci-bus
 *           dev: virtio-blk-device, id ""
 * ```
 *
 * @module
 */

/** A device. */
export interface TreeDevice {
  readonly type: string;
  readonly id: string;
  /** Name of the bus that it is on, such as "pcie.0". */
  readonly bus: string;
  /** Its type, such as "PCIE". */
  readonly busType: string;
  /** As it was created; the guest changes none, but for a few devices. */
  readonly properties: ReadonlyMap<string, string>;
  /** Undefined if it is no PCI device. */
  readonly pci: PciInfo | undefined;
  /** Devices on its own buses. */
  readonly children: readonly TreeDevice[];
}

/** A PCI device as the guest sees it. */
export interface PciInfo {
  /** Such as "00:04.0". */
  readonly address: string;
  /** Vendor and device, and those of the subsystem. */
  readonly ids: string;
  readonly isBridge: boolean;
  /** Base address registers. */
  readonly bars: number;
  /** Those to which the guest has assigned an address. */
  readonly mapped: number;
}

const DEVICE = /^( *)dev: (.+), id "(.*)"\s*$/;
const BUS = /^( *)bus: (.*?)\s*$/;
const BUS_TYPE = /^ *type (\S+)\s*$/;
const PROPERTY = /^ *(\S+) = (.*?)\s*$/;
const PCI = /^ *class (.+), addr ([0-9a-f:.]+), pci id (.*?)\s*$/;
const BAR = /^ *bar \d+: .* at 0x([0-9a-f]+) /;
const UNMAPPED = /^f+$/;
const PCI_BRIDGE = "PCI bridge";

/** Every device, also those on other devices' buses, in order. */
export function devicesIn(lines: readonly string[]): TreeDevice[] {
  const reader = new TreeReader();
  for (const line of lines) reader.take(line);
  return reader.devices;
}

/** A device or bus whose lines have not ended yet. */
type Open<T> = T & { readonly indent: number };

class TreeReader {
  readonly devices: Draft[] = [];
  readonly #devices: Open<{ readonly device: Draft }>[] = [];
  readonly #buses: Open<{ readonly name: string; type: string }>[] = [];

  take(line: string): void {
    const [, before = "", type, id = ""] = DEVICE.exec(line) ?? [];
    const [bus, indent = "", name = ""] = BUS.exec(line) ?? [];
    if (type !== undefined) this.#beginDevice(before.length, type, id);
    else if (bus !== undefined) this.#beginBus(indent.length, name);
    else this.#property(line);
  }

  #beginDevice(indent: number, type: string, id: string): void {
    close(this.#devices, indent);
    close(this.#buses, indent);
    const { name = "", type: busType = "" } = this.#buses.at(-1) ?? {};
    const device: Draft = {
      ...{ type, id, busType, bus: name, pci: undefined },
      ...{ properties: new Map(), children: [] },
    };
    this.#devices.at(-1)?.device.children.push(device);
    this.#devices.push({ indent, device });
    this.devices.push(device);
  }

  #beginBus(indent: number, name: string): void {
    close(this.#devices, indent);
    close(this.#buses, indent);
    this.#buses.push({ indent, name, type: "" });
  }

  #property(line: string): void {
    const bus = this.#buses.at(-1);
    if (bus?.type === "") bus.type = BUS_TYPE.exec(line)?.[1] ?? "";
    const device = this.#devices.at(-1)?.device;
    if (device === undefined) return;
    const [, name, value = ""] = PROPERTY.exec(line) ?? [];
    if (name !== undefined) {
      device.properties.set(name, value);
      return;
    }
    const [, kind, address = "", ids = ""] = PCI.exec(line) ?? [];
    if (kind !== undefined) {
      device.pci = {
        ...{ address, ids },
        isBridge: kind === PCI_BRIDGE,
        bars: 0,
        mapped: 0,
      };
      return;
    }
    const [, at] = BAR.exec(line) ?? [];
    if (device.pci === undefined || at === undefined) return;
    device.pci.bars++;
    if (!UNMAPPED.test(at)) device.pci.mapped++;
  }
}

/** A device while its lines are read. */
interface Draft extends TreeDevice {
  pci: (PciInfo & { bars: number; mapped: number }) | undefined;
  readonly properties: Map<string, string>;
  readonly children: Draft[];
}

/** Ends everything that a line of this indent is not inside of. */
function close(open: Open<unknown>[], indent: number): void {
  while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
}
