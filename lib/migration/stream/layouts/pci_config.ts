/**
 * PCI configuration space, as `pci config` has it: 256 bytes, or 4096 for PCI
 * Express. Little-endian.
 *
 * ```
 * 00 header: vendor, device, command, status, class, BARs, …
 * 40 capabilities: a list by offsets, each with its id and the next offset
 * 100 capabilities of PCI Express, a list of their own
 * ```
 *
 * What lies between capabilities stays bytes.
 *
 * @module
 */

import { EXPRESS_CAPABILITIES, PCI_CAPABILITIES } from "./pci_names.ts";
import {
  type FieldList,
  type LayoutReader,
  sizeOf,
  usedEnd,
} from "./reader.ts";

/** Sizes of configuration space. */
export const PCI_CONFIG_SIZES: readonly number[] = [256, 4096];

/** What the layouts around it need to know. */
export interface PciFacts {
  readonly vendor: number;
  readonly device: number;
  readonly subsystem: number;
  /** Vectors of MSI-X; 0 without it. */
  readonly vectors: number;
}

const CAPABILITIES_START = 0x40;
const CONVENTIONAL_END = 0x100;
/** Status bit: the device has a list of capabilities. */
const HAS_CAPABILITIES = 1 << 4;
const VIRTIO_VENDOR = 0x1af4;

/** A capability in the list. */
interface Capability {
  readonly id: number;
  readonly at: number;
}

/** Reads configuration space of `size` bytes into the reader's struct. */
export function readPciConfig(reader: LayoutReader, size: number): PciFacts {
  const { source } = reader;
  const view = source.peekView(size);
  const start = source.offset;
  const type = view.getUint8(0x0e) & 0x7f;
  reader.takeAll(IDENTITY);
  if (type === 0) readDevice(reader, view);
  else if (type === 1) readBridge(reader, view);
  else reader.bytes("header", CAPABILITIES_START - (source.offset - start));
  const vendor = view.getUint16(0, true);
  const list = capabilitiesOf(view);
  for (const [index, { id, at }] of list.entries()) {
    reader.bytes(...gap(source.offset - start, at));
    const end = list[index + 1]?.at ?? CONVENTIONAL_END;
    readCapability(reader, view, { id, at }, end - at, vendor);
  }
  reader.bytes(...gap(source.offset - start, CONVENTIONAL_END));
  readExpress(reader, view, start);
  return {
    vendor,
    device: view.getUint16(2, true),
    subsystem: type === 0 ? view.getUint16(0x2e, true) : 0,
    vectors: vectorsOf(view, list),
  };
}

function gap(from: number, to: number): [name: string, size: number] {
  return [`at_0x${from.toString(16)}`, to - from];
}

const IDENTITY: FieldList = [
  ["vendor_id", "le16:pci vendor"],
  ["device_id", "le16:hex"],
  ["command", "le16:pci command"],
  ["status", "le16:pci status"],
  ["revision_id", "uint8"],
  ["prog_if", "uint8:hex"],
  ["class", "le16:pci class"],
  ["cache_line_size", "uint8"],
  ["latency_timer", "uint8"],
  ["header_type", "uint8:pci header"],
  ["bist", "uint8:hex"],
];

const INTERRUPT: FieldList = [
  ["interrupt_line", "uint8"],
  ["interrupt_pin", "uint8"],
];

function readDevice(reader: LayoutReader, view: DataView): void {
  readBars(reader, view, 6);
  reader.takeAll([
    ["cardbus_cis", "le32:hex"],
    ["subsystem_vendor_id", "le16:pci vendor"],
    ["subsystem_id", "le16:hex"],
    ["rom_address", "le32:hex"],
    ["capabilities_pointer", "uint8:hex"],
    ["reserved", "7 bytes"],
    ...INTERRUPT,
    ["min_grant", "uint8"],
    ["max_latency", "uint8"],
  ]);
}

function readBridge(reader: LayoutReader, view: DataView): void {
  readBars(reader, view, 2);
  reader.takeAll([
    ["primary_bus", "uint8"],
    ["secondary_bus", "uint8"],
    ["subordinate_bus", "uint8"],
    ["secondary_latency_timer", "uint8"],
    ["io_base", "uint8:hex"],
    ["io_limit", "uint8:hex"],
    ["secondary_status", "le16:pci status"],
    ["memory_base", "le16:hex"],
    ["memory_limit", "le16:hex"],
    ["prefetchable_base", "le16:hex"],
    ["prefetchable_limit", "le16:hex"],
    ["prefetchable_base_high", "le32:hex"],
    ["prefetchable_limit_high", "le32:hex"],
    ["io_base_high", "le16:hex"],
    ["io_limit_high", "le16:hex"],
    ["capabilities_pointer", "uint8:hex"],
    ["reserved", "3 bytes"],
    ["rom_address", "le32:hex"],
    ...INTERRUPT,
    ["bridge_control", "le16:pci bridge control"],
  ]);
}

const BARS = 0x10;

/** A BAR of 64 bits takes the place of two. */
function readBars(reader: LayoutReader, view: DataView, count: number): void {
  for (let bar = 0; bar < count; bar++) {
    const low = view.getUint8(BARS + 4 * bar);
    const isWide = (low & 7) === 4 && bar + 1 < count;
    reader.take(`bar${bar}`, isWide ? "le64:pci bar" : "le32:pci bar");
    if (isWide) bar++;
  }
}

/** In the order of their offsets. A list with a loop ends there. */
function capabilitiesOf(view: DataView): Capability[] {
  if ((view.getUint16(6, true) & HAS_CAPABILITIES) === 0) return [];
  const found = new Map<number, Capability>();
  let at = view.getUint8(0x34) & ~3;
  while (at >= CAPABILITIES_START && !found.has(at)) {
    found.set(at, { id: view.getUint8(at), at });
    at = view.getUint8(at + 1) & ~3;
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

const MSIX = 0x11;
const MSIX_CAPABILITY_SIZE = 12;

function vectorsOf(view: DataView, list: readonly Capability[]): number {
  const msix = list.find(({ id }) => id === MSIX);
  if (msix === undefined) return 0;
  return msix.at + MSIX_CAPABILITY_SIZE > CONVENTIONAL_END
    ? 0
    : 1 + (view.getUint16(msix.at + 2, true) & 0x7ff);
}

const HEAD: FieldList = [["id", "uint8"], ["next", "uint8:hex"]];

function readCapability(
  reader: LayoutReader,
  view: DataView,
  { id, at }: Capability,
  most: number,
  vendor: number,
): void {
  const isVirtio = id === VENDOR && vendor === VIRTIO_VENDOR && most >= 4;
  const fields = isVirtio
    ? virtioFields(view.getUint8(at + 2), view.getUint8(at + 3))
    : fieldsOf(id, view, at, most);
  const kind = isVirtio
    ? `virtio_${VIRTIO_CAPABILITIES[view.getUint8(at + 3)] ?? "other"}`
    : PCI_CAPABILITIES[id] ?? `0x${id.toString(16).padStart(2, "0")}`;
  reader.struct(`capability_${kind}`, (inner) => {
    inner.takeAll(HEAD);
    const size = Math.min(most, sizeOfList(fields)) - 2;
    inner.takeWithin(fields.slice(2), size);
  });
}

const VENDOR = 0x09;

const VIRTIO_CAPABILITIES: Readonly<Record<number, string>> = {
  1: "common",
  2: "notify",
  3: "isr",
  4: "device",
  5: "pci",
  8: "shared_memory",
};

const VIRTIO_HEAD: FieldList = [
  ...HEAD,
  ["length", "uint8"],
  ["type", "uint8:virtio capability"],
  ["bar", "uint8"],
  ["instance", "uint8"],
  ["padding", "2 bytes"],
  ["region_offset", "le32:hex"],
  ["region_length", "le32:hex"],
];

function virtioFields(length: number, type: number): FieldList {
  if (type === 2) {
    return [...VIRTIO_HEAD, ["notify_off_multiplier", "le32"]];
  }
  const rest = length - sizeOfList(VIRTIO_HEAD);
  return rest > 0 ? [...VIRTIO_HEAD, ["data", `${rest} bytes`]] : VIRTIO_HEAD;
}

/** Capabilities of one size; the numbers of others are in their flags. */
const CAPABILITIES: Readonly<Record<number, FieldList>> = {
  0x01: [
    ...HEAD,
    ["capabilities", "le16:hex"],
    ["control", "le16:hex"],
    ["bridge_support", "uint8:hex"],
    ["data", "uint8"],
  ],
  0x0c: [...HEAD, ["dword_select", "uint8"], ["pending", "uint8:hex"]],
  0x0d: [
    ...HEAD,
    ["reserved", "2 bytes"],
    ["subsystem_vendor_id", "le16:pci vendor"],
    ["subsystem_id", "le16:hex"],
  ],
  0x10: [
    ...HEAD,
    ["capabilities", "le16:hex"],
    ["device_capabilities", "le32:hex"],
    ["device_control", "le16:hex"],
    ["device_status", "le16:hex"],
    ["link_capabilities", "le32:hex"],
    ["link_control", "le16:hex"],
    ["link_status", "le16:hex"],
    ["slot_capabilities", "le32:hex"],
    ["slot_control", "le16:hex"],
    ["slot_status", "le16:hex"],
    ["root_control", "le16:hex"],
    ["root_capabilities", "le16:hex"],
    ["root_status", "le32:hex"],
    ["device_capabilities2", "le32:hex"],
    ["device_control2", "le16:hex"],
    ["device_status2", "le16:hex"],
    ["link_capabilities2", "le32:hex"],
    ["link_control2", "le16:hex"],
    ["link_status2", "le16:hex"],
    ["slot_capabilities2", "le32:hex"],
    ["slot_control2", "le16:hex"],
    ["slot_status2", "le16:hex"],
  ],
  [MSIX]: [
    ...HEAD,
    ["control", "le16:msix control"],
    ["table", "le32:hex"],
    ["pending_bits", "le32:hex"],
  ],
  0x12: [...HEAD, ["revision", "le16:hex"], ["bar", "le32:hex"]],
  0x13: [
    ...HEAD,
    ["length", "uint8"],
    ["capabilities", "uint8:hex"],
    ["control", "uint8:hex"],
    ["status", "uint8:hex"],
  ],
};

function fieldsOf(
  id: number,
  view: DataView,
  at: number,
  most: number,
): FieldList {
  if (id === MSI && most >= 4) return msiFields(view.getUint16(at + 2, true));
  if (id === VENDOR && most >= 3) {
    const rest = view.getUint8(at + 2) - 3;
    const length = [...HEAD, ["length", "uint8"]] as const;
    return rest > 0 ? [...length, ["data", `${rest} bytes`]] : length;
  }
  return CAPABILITIES[id] ?? HEAD;
}

const MSI = 0x05;

function msiFields(control: number): FieldList {
  const isWide = (control & 0x80) !== 0;
  const hasMasks = (control & 0x100) !== 0;
  return [
    ...HEAD,
    ["control", "le16:msi control"],
    isWide ? ["address", "le64:hex"] : ["address", "le32:hex"],
    ["data", "le16:hex"],
    ...hasMasks
      ? [
        ["extended_data", "le16:hex"],
        ["mask", "le32:hex"],
        ["pending", "le32:hex"],
      ] as const
      : [],
  ];
}

const EXPRESS_HEAD: FieldList = [
  ["id", "le16"],
  ["next_and_version", "le16:hex"],
];

/** Capabilities of PCI Express of one size. */
const EXPRESS: Readonly<Record<number, FieldList>> = {
  0x01: [
    ["uncorrectable_status", "le32:hex"],
    ["uncorrectable_mask", "le32:hex"],
    ["uncorrectable_severity", "le32:hex"],
    ["correctable_status", "le32:hex"],
    ["correctable_mask", "le32:hex"],
    ["control", "le32:hex"],
    ["header_log", "16 bytes"],
    ["root_command", "le32:hex"],
    ["root_status", "le32:hex"],
    ["error_source", "le32:hex"],
    ["prefix_log", "16 bytes"],
  ],
  0x03: [["serial_number", "le64:hex"]],
  0x0d: [["capabilities", "le16:hex"], ["control", "le16:hex"]],
  0x0e: [["capabilities", "le16:hex"], ["control", "le16:hex"]],
  0x0f: [["capabilities", "le16:hex"], ["control", "le16:hex"]],
  0x10: [
    ["capabilities", "le32:hex"],
    ["control", "le16:hex"],
    ["status", "le16:hex"],
    ["initial_functions", "le16"],
    ["total_functions", "le16"],
    ["functions", "le16"],
    ["dependency", "le16"],
    ["first_offset", "le16"],
    ["stride", "le16"],
    ["reserved", "2 bytes"],
    ["device_id", "le16:hex"],
    ["supported_page_sizes", "le32:hex"],
    ["page_size", "le32:hex"],
    ["bars", "24 bytes"],
    ["migration_state", "le32:hex"],
  ],
  0x13: [
    ["control", "le16:hex"],
    ["status", "le16:hex"],
    ["capacity", "le32"],
    ["allocation", "le32"],
  ],
  0x1b: [["capabilities", "le16:hex"], ["control", "le16:hex"]],
};

/** Those that are not known have their content as bytes, up to the next one. */
function readExpress(
  reader: LayoutReader,
  view: DataView,
  start: number,
): void {
  const { source } = reader;
  const size = view.byteLength;
  if (size === CONVENTIONAL_END) return;
  const list = expressCapabilities(view);
  for (const [index, { id, at }] of list.entries()) {
    reader.bytes(...gap(source.offset - start, at));
    const content = at + sizeOfList(EXPRESS_HEAD);
    const next = list[index + 1]?.at;
    const most = (next ?? size) - content;
    const known = EXPRESS[id];
    const name = EXPRESS_CAPABILITIES[id] ?? `0x${id.toString(16)}`;
    reader.struct(`express_${name}`, (inner) => {
      inner.takeAll(EXPRESS_HEAD);
      if (known !== undefined) {
        inner.takeWithin(known, Math.min(most, sizeOfList(known)));
      } else inner.bytes("data", (next ?? usedEnd(view, content)) - content);
    });
  }
  const at = source.offset - start;
  const used = usedEnd(view, at);
  reader.bytes(...gap(at, used));
  if (used < size) reader.zeros("zero_bytes", size - used);
}

function expressCapabilities(view: DataView): Capability[] {
  const found = new Map<number, Capability>();
  let at = CONVENTIONAL_END;
  while (at >= CONVENTIONAL_END && !found.has(at)) {
    const word = view.getUint32(at, true);
    if (word === 0) break;
    found.set(at, { id: word & 0xffff, at });
    at = (word >>> 20) & ~3;
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

function sizeOfList(fields: FieldList): number {
  return fields.reduce((sum, [, type]) => sum + sizeOf(type), 0);
}
