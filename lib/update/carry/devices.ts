/**
 * Devices, vCPUs and memory that were plugged in or unplugged at run time.
 *
 * QEMU does not keep the arguments of `device_add`. They are derived from the
 * device's properties: `-device` with those that differ from the defaults of
 * its type, and with its bus and address, creates the same device.
 *
 * @module
 */

import { type Argument, keysOf } from "../../cmdline/mod.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  stringifyJson,
} from "../../qmp/mod.ts";
import { asObject, ifKnown, text } from "../vm/reply.ts";
import type { QomChild } from "../vm/inventory.ts";
import { CannotCarry, type CarryWork } from "./work.ts";

const PLUGGED = "plugged in at run time";
const UNPLUGGED = "unplugged at run time";
const PINNED = "a device before it was unplugged; this one keeps its address";

const NAMED = "/machine/peripheral/";
const ANONYMOUS = "/machine/peripheral-anon/";
const OBJECTS = "/objects/";

/** Brings -device up to date. The options that it refers to come first. */
export async function carryDevices(
  work: CarryWork,
  nodes: ReadonlyMap<string, string>,
): Promise<void> {
  const { inventory } = work;
  const present = await inventory.devices();
  const late = await inventory.hotPlugged();
  const lateAt = new Set(late.map(({ path }) => path));
  const early = present.filter(({ path }) => !lateAt.has(path));
  const ports = late.length + early.length === 0
    ? new Map<string, string>()
    : await usbPorts(work);
  const reader = new DeviceReader(work, nodes, ports);
  await removeUnplugged(work, reader, early);
  for (const device of await inOrder(reader, late)) {
    await work.attempt(device.path, async () => {
      const { keys, needsSent } = await reader.read(device);
      if (needsSent) {
        work.addCommand("device_add", keys);
        work.sentDevices.add(device.path);
      } else work.add("device", keys, PLUGGED);
      work.devices.add(device.path);
    });
  }
}

/** The owner of a device's bus comes before the device. */
async function inOrder(
  reader: DeviceReader,
  devices: readonly QomChild[],
): Promise<QomChild[]> {
  const ordered: QomChild[] = [];
  const taken = new Set<string>();
  const take = async (device: QomChild): Promise<void> => {
    if (taken.has(device.path)) return;
    taken.add(device.path);
    const bus = await reader.busOf(device);
    const owner = devices.find(({ path }) => bus?.startsWith(`${path}/`));
    if (owner !== undefined) await take(owner);
    ordered.push(device);
  };
  // QEMU lists them in no order. Those without an id are numbered.
  const sorted = devices.toSorted((a, b) =>
    numberIn(a) - numberIn(b) || (a.path < b.path ? -1 : 1)
  );
  for (const device of sorted) await take(device);
  return ordered;
}

/**
 * Removes unplugged devices from the command line. A device without an address
 * there gets the next free one, so the remaining ones are given their present
 * addresses: otherwise they could move to the place of a removed device.
 */
async function removeUnplugged(
  work: CarryWork,
  reader: DeviceReader,
  early: readonly QomChild[],
): Promise<void> {
  const named = new Map(
    early.filter(({ path }) => path.startsWith(NAMED))
      .map((device) => [device.name, device]),
  );
  const anonymous = new Map(
    early.filter(({ path }) => path.startsWith(ANONYMOUS))
      .map((device) => [device.name, device]),
  );
  const gone: Argument[] = [];
  const rest: [Argument, QomChild][] = [];
  let unnamed = 0;
  for (const argument of work.draft.of("device")) {
    const id = keysOf(argument).get("id");
    const device = id === undefined
      ? anonymous.get(`device[${unnamed++}]`)
      : named.get(id);
    if (device !== undefined) rest.push([argument, device]);
    else if (id !== undefined) gone.push(argument);
    else return; // the check "devices" refuses it
  }
  if (gone.length === 0 || unnamed !== anonymous.size) return;
  for (const argument of gone) work.draft.remove(argument, UNPLUGGED);
  for (const [argument, device] of rest) {
    if (isCpu(device.type)) continue;
    let value = keysOf(argument);
    const before = String(value);
    for (const [key, at] of await reader.placeOf(device)) {
      if (!value.has(key)) value = value.with(key, at);
    }
    if (String(value) !== before) {
      work.draft.setValue(argument, value, PINNED);
    }
  }
}

/** The keys of a place on a bus, apart from that bus. */
const PLACE = ["addr", "scsi-id", "channel", "lun", "nr", "unit"];
/** Those of memory, which has no bus. */
const PLACE_IN_MEMORY = ["addr", "slot"];

/** Keys whose value the program makes itself; setting it is refused. */
const MADE = new Set(["attached", "busnr", "size", "smart_critical_warning"]);
const NO_BOOT_ORDER = -1;

class DeviceReader {
  /** Whether the device depends on something that commands make. */
  #needsSent = false;

  constructor(
    private readonly work: CarryWork,
    /** Block nodes that have another name on the command line. */
    private readonly nodes: ReadonlyMap<string, string>,
    /** By the id of the device. */
    private readonly ports: ReadonlyMap<string, string>,
  ) {}

  /** The QOM path of the bus that a device is on. */
  async busOf({ path }: QomChild): Promise<string | undefined> {
    const bus = await this.work.inventory.knownProperty(path, "parent_bus");
    return text(bus) || undefined;
  }

  /** Where a device is: its bus, and the address there. */
  async placeOf(device: QomChild): Promise<[string, string | number][]> {
    const { inventory } = this.work;
    const bus = await this.busOf(device);
    const place: [string, string | number][] = [];
    if (bus !== undefined) place.push(["bus", nameIn(bus)]);
    const port = this.ports.get(device.name);
    if (port !== undefined) place.push(["port", port]);
    for (const key of bus === undefined ? PLACE_IN_MEMORY : PLACE) {
      const value = await inventory.knownProperty(device.path, key);
      if (typeof value !== "number") continue;
      const isPci = bus !== undefined && key === "addr";
      place.push([key, isPci ? slotText(value) : value]);
    }
    return place;
  }

  /** How to make a device that was plugged in. */
  async read(
    device: QomChild,
  ): Promise<{ readonly keys: JsonObject; readonly needsSent: boolean }> {
    this.#needsSent = false;
    const keys = await this.#keysOf(device);
    return { keys, needsSent: this.#needsSent };
  }

  async #keysOf(device: QomChild): Promise<JsonObject> {
    const { name, path, type } = device;
    const id = path.startsWith(NAMED) ? { id: name } : {};
    if (isCpu(type)) {
      return { driver: type, ...id, ...await this.#topologyOf(path) };
    }
    const bus = await this.busOf(device);
    this.#requireOwner(bus);
    const properties = await this.#changedProperties(device);
    const place = await this.placeOf(device);
    if (isUsb(bus, place)) this.#requirePort(device);
    return {
      driver: type,
      ...id,
      ...properties,
      ...Object.fromEntries(place),
      ...await this.#driveBelow(device),
    };
  }

  /** The bus belongs to a device that the next program has as well. */
  #requireOwner(bus: string | undefined): void {
    const isIn = (path: string) => bus?.startsWith(`${path}/`) === true;
    if (this.work.sentDevices.values().some(isIn)) this.#needsSent = true;
    const owner = this.work.obstacles.keys().find(isIn);
    if (owner === undefined) return;
    throw new CannotCarry(`it is on a bus of "${nameIn(owner)}"`);
  }

  #requirePort({ name, path }: QomChild): void {
    if (path.startsWith(NAMED) && this.ports.has(name)) return;
    throw new CannotCarry("QEMU does not report which USB port it is on");
  }

  async #topologyOf(path: string): Promise<JsonObject> {
    const slots = await this.work.inventory.list("query-hotpluggable-cpus");
    const { props } = slots.find((it) => it["qom-path"] === path) ?? {};
    if (isObject(props)) return props;
    throw new CannotCarry("QEMU does not report where it is");
  }

  /** The properties that differ from the defaults of the type. */
  async #changedProperties({ path, type }: QomChild): Promise<JsonObject> {
    const { inventory } = this.work;
    const known = await ifKnown(
      inventory.list("device-list-properties", { typename: type }),
    );
    if (known === undefined) throw new CannotCarry("its type is not known");
    const changed: JsonObject = {};
    for (const property of known) {
      const name = text(property["name"]) ?? "";
      const kind = text(property["type"]) ?? "";
      const value = MADE.has(name) || kind.startsWith("child<")
        ? undefined
        : await inventory.knownProperty(path, name);
      if (value === undefined) continue;
      const given = property["default-value"] === undefined
        ? this.#withoutDefault(path, name, kind, value)
        : isSame(value, property["default-value"])
        ? undefined
        : value;
      if (given !== undefined) changed[name] = given;
    }
    return changed;
  }

  /** A value whose default is not known; undefined if it was not given. */
  #withoutDefault(
    path: string,
    name: string,
    kind: string,
    value: Json,
  ): Json | undefined {
    // An empty name keeps a type from loading the ROM that it has by default.
    if (name === "romfile") return value;
    if (name === "bootindex") {
      return value === NO_BOOT_ORDER ? undefined : value;
    }
    if (Array.isArray(value)) return value.length === 0 ? undefined : value;
    if (typeof value !== "string" || value === "") return undefined;
    // A host controller of USB has a part that leads back to it.
    if (value === path) return undefined;
    if (kind.startsWith("link<")) return this.#linked(value);
    if (name === "drive") return this.#node(value);
    if (name === "netdev" && this.work.sentNetdevs.has(value)) {
      this.#needsSent = true;
    } else if (name === "netdev") this.#require(["netdev", "nic"], value);
    if (name === "chardev") this.#require(["chardev"], value);
    return kind === "str" ? value : undefined;
  }

  /** An object or device of the user's; all others come with the device. */
  #linked(path: string): string | undefined {
    const folder = [OBJECTS, NAMED].find((it) => path.startsWith(it));
    const id = folder === undefined ? "" : path.slice(folder.length);
    if (id === "" || id.includes("/")) return undefined;
    this.#require(folder === OBJECTS ? ["object"] : ["device"], id);
    return id;
  }

  #node(name: string): string {
    const node = this.nodes.get(name) ?? name;
    if (this.work.argument("drive", node) || this.work.nodes.has(node)) {
      return node;
    }
    if (this.work.sentNodes.has(node)) {
      this.#needsSent = true;
      return node;
    }
    throw new CannotCarry(`block node "${node}" cannot be carried over`);
  }

  #require(options: readonly string[], id: string): void {
    if (options.some((it) => this.work.argument(it, id) !== undefined)) return;
    throw new CannotCarry(`${options[0]} "${id}" cannot be carried over`);
  }

  /** usb-storage hands its drive on to a disk that it makes. */
  async #driveBelow({ path, type }: QomChild): Promise<JsonObject> {
    if (type !== "usb-storage") return {};
    for (const drive of await this.work.inventory.list("query-block")) {
      if (!text(drive["qdev"])?.startsWith(`${path}/`)) continue;
      const node = text(drive["device"]) ||
        text(asObject(drive["inserted"])["node-name"]);
      return node ? { drive: this.#node(node) } : {};
    }
    return {};
  }
}

/** A port of a device that has one: "info usb" has those with an id. */
const USB_PORT = /^ *Device [\d.]+, Port ([\d.]+), .*, ID: (.+)$/;

async function usbPorts(
  { inventory }: CarryWork,
): Promise<Map<string, string>> {
  const lines = await ifKnown(inventory.human("info usb")) ?? [];
  return new Map(
    lines.flatMap((line) => {
      const [, port, id] = USB_PORT.exec(line) ?? [];
      return port === undefined || id === undefined ? [] : [[id, port]];
    }),
  );
}

/** Of a device without an id: the first that was made has 0; -1 for others. */
function numberIn({ path }: QomChild): number {
  return Number(/\bdevice\[(\d{1,9})\]$/.exec(path)?.[1] ?? -1);
}

/** Whether a vCPU is of this type. */
export function isCpu(type: string): boolean {
  return type.endsWith("-cpu");
}

function isUsb(
  bus: string | undefined,
  place: readonly (readonly [string, unknown])[],
): boolean {
  // Every other bus has addresses.
  return bus !== undefined && !place.some(([key]) => PLACE.includes(key));
}

function isSame(a: Json, b: Json): boolean {
  return stringifyJson(a) === stringifyJson(b);
}

function nameIn(path: string): string {
  return path.split("/").at(-1) ?? "";
}

/** Such as "1f.2": slot and function of a PCI device. */
function slotText(address: number): string {
  return `${(address >> 3).toString(16)}.${address & 7}`;
}
