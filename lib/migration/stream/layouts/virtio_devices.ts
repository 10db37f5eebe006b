/**
 * The own part of virtio devices, between queues and subsections. Some of its
 * fields depend on what the stream does not say, such as the number of queues
 * that a network card could have: each form is tried, and the one is taken
 * behind which the subsections begin.
 *
 * @module
 */

import { type LayoutReader, UNDECODED } from "./reader.ts";
import {
  distanceToCommon,
  isCommonHere,
  readAllOf,
  type SubsectionTable,
} from "./virtio_subsections.ts";
import type { VirtioKind } from "./virtio_names.ts";

/** What the parts before it say. */
export interface VirtioFacts {
  readonly kind: VirtioKind;
  /** Features below 32 that the driver accepted. */
  readonly accepted: number;
}

type ReadPart = (reader: LayoutReader, facts: VirtioFacts) => void;

/** Reads the part, or leaves it as bytes with the reason. */
export function readDevicePart(
  reader: LayoutReader,
  facts: VirtioFacts,
): void {
  const isWhole = () => isCommonHere(reader);
  const { name } = facts.kind;
  const forms = Object.hasOwn(FORMS, name) ? FORMS[name] ?? [] : [];
  for (const form of forms) {
    if (reader.tryStruct("device", (inner) => form(inner, facts), isWhole)) {
      return;
    }
  }
  const size = distanceToCommon(reader);
  const reason = forms.length === 0
    ? "nothing is known of this device's own part"
    : "this device's own part has another form";
  reader.bytes("device", size, UNDECODED, reason);
}

/** All forms of each device type, the usual one first. */
const FORMS: Readonly<Record<string, readonly ReadPart[]>> = {
  net: [
    (reader, facts) => readNet(reader, facts, false),
    (reader, facts) => readNet(reader, facts, true),
  ],
  blk: [false, true].flatMap((hasQueue) =>
    [false, true].map((isPacked): ReadPart => (reader) =>
      readRequests(reader, hasQueue, isPacked)
    )
  ),
  console: [
    (reader) => readConsole(reader, false),
    (reader) => readConsole(reader, true),
  ],
  balloon: [readBalloon],
  iommu: [readIommu],
  mem: [
    (reader) => reader.takeAll("usable_region_size, requested_size uint64"),
    readMem,
  ],
};

const CTRL_GUEST_OFFLOADS = 1 << 2;
const MAC_SIZE = 6;
/** QEMU's table has so many; a stream may say more. */
const MOST_MACS = 0xffff;
const MOST_PAIRS = 0x8000;

function readNet(
  reader: LayoutReader,
  { accepted }: VirtioFacts,
  hasPairs: boolean,
): void {
  reader.takeAll(`
    mac 6 bytes:mac, tx_waiting, mergeable_rx_bufs uint32,
    status uint16:virtio net status, promisc, allmulti uint8
  `);
  const macs = reader.number("mac_table_in_use", "uint32");
  if (macs > MOST_MACS) reader.refuse(`${macs} addresses`);
  reader.bytes("mac_table", macs * MAC_SIZE);
  reader.takeAll(`
    vlans 512 bytes, has_vnet_hdr uint32, multi_overflow, uni_overflow, alluni,
    nomulti, nouni, nobcast, has_ufo uint8
  `);
  if (hasPairs) {
    reader.take("max_queue_pairs", "uint16");
    const pairs = reader.number("curr_queue_pairs", "uint16");
    if (pairs > MOST_PAIRS) reader.refuse(`${pairs} queue pairs`);
    reader.numbers("tx_waiting_others", "uint32", Math.max(0, pairs - 1));
  }
  if ((accepted & CTRL_GUEST_OFFLOADS) !== 0) {
    reader.take("curr_guest_offloads", "uint64:hex");
  }
  readAllOf(reader, "virtio-net-device/", NET_SUBSECTIONS);
}

const NET_SUBSECTIONS: SubsectionTable = {
  "virtio-net-device/rss": (reader) => {
    reader.takeAll(`
      enabled, redirect, populate_hash bool, hash_types uint32:hex
    `);
    const length = reader.number("indirections_len", "uint16");
    reader.takeAll("default_queue uint16, key 40 bytes");
    reader.numbers("indirections_table", "uint16", length);
  },
};

/** A request as QEMU has it in memory on a machine with 64 bits. */
const ELEMENT_SIZE = 4 * 4 + 2 * 1024 * 8 + 2 * 1024 * 16;

/** Requests of a disk that were not done, each behind a 1, and a 0. */
function readRequests(
  reader: LayoutReader,
  hasQueue: boolean,
  isPacked: boolean,
): void {
  const { source } = reader;
  let count = 0;
  const size = 1 + (hasQueue ? 4 : 0) + (isPacked ? 4 : 0) + ELEMENT_SIZE;
  while (source.peek(count * size) === 1) count++;
  if (count > 0) {
    reader.structs("requests", count, (request) => {
      request.take("follows", "uint8");
      if (hasQueue) request.take("queue", "uint32");
      readElement(request, isPacked);
    });
  }
  if (reader.number("end", "uint8") !== 0) reader.refuse("no end of requests");
}

function readElement(reader: LayoutReader, isPacked: boolean): void {
  if (isPacked) reader.take("descriptors", "uint32");
  reader.struct("element", (element) => {
    element.takeAll(`
      index, out_num, in_num le32, padding 4 bytes,
      addresses_and_lengths ${ELEMENT_SIZE - 16} bytes
    `);
  });
}

/** The specification's limit of ports. */
const MOST_PORTS = 0x8000;
const PORTS_IN_WORD = 32;

function readConsole(reader: LayoutReader, isPacked: boolean): void {
  reader.takeAll("cols, rows uint16");
  const most = reader.number("max_nr_ports", "uint32");
  if (most > MOST_PORTS) reader.refuse(`${most} ports`);
  const words = Math.ceil(most / PORTS_IN_WORD);
  reader.numbers("ports_map", "uint32:hex", words);
  const active = reader.number("nr_active_ports", "uint32");
  if (active > MOST_PORTS) reader.refuse(`${active} ports`);
  reader.structs("ports", active, (port) => {
    port.takeAll("id uint32, guest_connected, host_connected bool");
    if (port.number("elem_popped", "uint32") === 0) return;
    port.takeAll("iov_idx uint32, iov_offset uint64");
    readElement(port, isPacked);
  });
}

function readBalloon(reader: LayoutReader): void {
  reader.takeAll("num_pages, actual uint32");
  readAllOf(reader, "virtio-balloon-device/", {
    "virtio-balloon-device/free-page-report":
      "free_page_hint_cmd_id, free_page_hint_status uint32",
    "virtio-balloon-device/page-poison": "poison_val uint32:hex",
  });
}

/** Trees and lists have a 1 before each of their elements, and a 0 at the end. */
function readIommu(reader: LayoutReader): void {
  readTree(reader, "domains", (domain) => {
    domain.takeAll("key uint64, id uint32");
    readTree(
      domain,
      "mappings",
      (mapping) =>
        mapping.takeAll("low, high, physical uint64:hex, flags uint32:hex"),
    );
    readList(domain, "endpoints", (endpoint) => endpoint.take("id", "uint32"));
    domain.take("bypass", "bool");
  });
  reader.take("bypass", "uint8");
}

type ReadElement = (reader: LayoutReader) => void;

function readTree(
  reader: LayoutReader,
  name: string,
  read: ReadElement,
): void {
  const count = reader.number(`${name}_count`, "uint32");
  const nodes = readList(reader, name, read);
  if (nodes !== count) reader.refuse(`${nodes} of ${count} nodes`);
}

function readList(
  reader: LayoutReader,
  name: string,
  read: ReadElement,
): number {
  const { source } = reader;
  let count = 0;
  reader.list(name, () => source.peek() === 1, (element) => {
    count++;
    element.take("follows", "uint8");
    read(element);
  });
  if (reader.number(`${name}_end`, "uint8") !== 0) {
    reader.refuse(`no end of ${name}`);
  }
  return count;
}

const MOST_BLOCKS = 1 << 26;
const BITS_IN_WORD = 64;

/** All of it: newer QEMUs have the rest in a section before guest memory. */
function readMem(reader: LayoutReader): void {
  reader.take("addr", "uint64:hex");
  const region = reader.take("region_size", "uint64");
  const block = reader.take("block_size", "uint64");
  reader.takeAll(
    "node uint32, usable_region_size, size, requested_size uint64",
  );
  const blocks = typeof region === "bigint" && typeof block === "bigint" &&
      block > 0n
    ? Number(region / block)
    : 0;
  if (blocks > MOST_BLOCKS) reader.refuse(`${blocks} blocks`);
  reader.bytes("bitmap", 8 * Math.ceil(blocks / BITS_IN_WORD));
}
