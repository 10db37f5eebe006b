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

import { numbered } from "./numbered.ts";
import { EXPRESS_CAPABILITIES, PCI_CAPABILITIES } from "./pci_names.ts";
import { type LayoutReader, sizeOf, usedEnd } from "./reader.ts";

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

const IDENTITY = `
  vendor_id le16:pci vendor, device_id le16:hex, command le16:pci command,
  status le16:pci status, revision_id uint8, prog_if uint8:hex,
  class le16:pci class, cache_line_size, latency_timer uint8,
  header_type uint8:pci header, bist uint8:hex
`;

function readDevice(reader: LayoutReader, view: DataView): void {
  readBars(reader, view, 6);
  reader.takeAll(`
    cardbus_cis le32:hex, subsystem_vendor_id le16:pci vendor,
    subsystem_id le16:hex, rom_address le32:hex,
    capabilities_pointer uint8:hex, reserved 7 bytes,
    interrupt_line, interrupt_pin, min_grant, max_latency uint8
  `);
}

function readBridge(reader: LayoutReader, view: DataView): void {
  readBars(reader, view, 2);
  reader.takeAll(`
    primary_bus, secondary_bus, subordinate_bus, secondary_latency_timer uint8,
    io_base, io_limit uint8:hex, secondary_status le16:pci status,
    memory_base, memory_limit, prefetchable_base, prefetchable_limit le16:hex,
    prefetchable_base_high, prefetchable_limit_high le32:hex,
    io_base_high, io_limit_high le16:hex,
    capabilities_pointer uint8:hex, reserved 3 bytes, rom_address le32:hex,
    interrupt_line, interrupt_pin uint8,
    bridge_control le16:pci bridge control
  `);
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

const HEAD = "id uint8, next uint8:hex";

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
    ? `virtio_${VIRTIO_CAPABILITIES(view.getUint8(at + 3)) ?? "other"}`
    : PCI_CAPABILITIES(id) ?? `0x${id.toString(16).padStart(2, "0")}`;
  reader.struct(`capability_${kind}`, (inner) => {
    inner.takeAll(HEAD);
    const size = Math.min(most - sizeOf(HEAD), sizeOf(fields));
    inner.takeWithin(fields, size);
  });
}

const VENDOR = 0x09;

const VIRTIO_CAPABILITIES = numbered(
  "1 common, 2 notify, 3 isr, 4 device, 5 pci, 8 shared_memory",
);

const VIRTIO = `
  length uint8, type uint8:virtio capability, bar, instance uint8,
  padding 2 bytes, region_offset, region_length le32:hex
`;

function virtioFields(length: number, type: number): string {
  if (type === 2) return `${VIRTIO}, notify_off_multiplier le32`;
  const rest = length - sizeOf(HEAD) - sizeOf(VIRTIO);
  return rest > 0 ? `${VIRTIO}, data ${rest} bytes` : VIRTIO;
}

/** Capabilities of one size; the numbers of others are in their flags. */
const CAPABILITIES: Readonly<Record<number, string>> = {
  0x01: "capabilities, control le16:hex, bridge_support uint8:hex, data uint8",
  0x0c: "dword_select uint8, pending uint8:hex",
  0x0d: `
    reserved 2 bytes, subsystem_vendor_id le16:pci vendor, subsystem_id le16:hex
  `,
  0x10: `
    capabilities le16:hex,
    device_capabilities le32:hex, device_control, device_status le16:hex,
    link_capabilities le32:hex, link_control, link_status le16:hex,
    slot_capabilities le32:hex, slot_control, slot_status le16:hex,
    root_control, root_capabilities le16:hex, root_status le32:hex,
    device_capabilities2 le32:hex, device_control2, device_status2 le16:hex,
    link_capabilities2 le32:hex, link_control2, link_status2 le16:hex,
    slot_capabilities2 le32:hex, slot_control2, slot_status2 le16:hex
  `,
  [MSIX]: "control le16:msix control, table, pending_bits le32:hex",
  0x12: "revision le16:hex, bar le32:hex",
  0x13: "length uint8, capabilities, control, status uint8:hex",
};

function fieldsOf(
  id: number,
  view: DataView,
  at: number,
  most: number,
): string {
  if (id === MSI && most >= 4) return msiFields(view.getUint16(at + 2, true));
  if (id === VENDOR && most >= 3) {
    const rest = view.getUint8(at + 2) - 3;
    return rest > 0 ? `length uint8, data ${rest} bytes` : "length uint8";
  }
  return CAPABILITIES[id] ?? "";
}

const MSI = 0x05;

function msiFields(control: number): string {
  const isWide = (control & 0x80) !== 0;
  const hasMasks = (control & 0x100) !== 0;
  return `control le16:msi control, address ${isWide ? "le64" : "le32"}:hex, ` +
    (hasMasks
      ? "data, extended_data le16:hex, mask, pending le32:hex"
      : "data le16:hex");
}

const EXPRESS_HEAD = "id le16, next_and_version le16:hex";
const CONTROL = "capabilities, control le16:hex";

/** Capabilities of PCI Express of one size. */
const EXPRESS: Readonly<Record<number, string>> = {
  0x01: `
    uncorrectable_status, uncorrectable_mask, uncorrectable_severity,
    correctable_status, correctable_mask, control le32:hex,
    header_log 16 bytes, root_command, root_status, error_source le32:hex,
    prefix_log 16 bytes
  `,
  0x03: "serial_number le64:hex",
  0x0d: CONTROL,
  0x0e: CONTROL,
  0x0f: CONTROL,
  0x10: `
    capabilities le32:hex, control, status le16:hex,
    initial_functions, total_functions, functions, dependency le16,
    first_offset, stride le16, reserved 2 bytes, device_id le16:hex,
    supported_page_sizes, page_size le32:hex, bars 24 bytes,
    migration_state le32:hex
  `,
  0x13: "control, status le16:hex, capacity, allocation le32",
  0x1b: CONTROL,
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
    const content = at + sizeOf(EXPRESS_HEAD);
    const next = list[index + 1]?.at;
    const most = (next ?? size) - content;
    const known = EXPRESS[id];
    const name = EXPRESS_CAPABILITIES(id) ?? `0x${id.toString(16)}`;
    reader.struct(`express_${name}`, (inner) => {
      inner.takeAll(EXPRESS_HEAD);
      if (known !== undefined) {
        inner.takeWithin(known, Math.min(most, sizeOf(known)));
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
