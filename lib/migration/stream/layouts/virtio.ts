/**
 * The state of a virtio device, which virtio_save writes by hand:
 *
 * ```
 * transport                       PCI, MMIO
 * u8 status, u8 isr, be16 queue_sel
 * be32 features                   the low 32 that the driver accepted
 * be32 length, configuration space
 * be32 count, count × queue       size, alignment of MMIO, address of the
 *                                 descriptors, index, vector of PCI
 * the device's own part
 * subsections                     virtio/64bit_features, virtio/virtqueues, …
 * ```
 *
 * Nothing says which transport it is: all are tried, and the one is taken that
 * leaves the fewest bytes undecoded.
 *
 * @module
 */

import { StreamError } from "../../../stream/mod.ts";
import type { DecodedStruct } from "../decoded.ts";
import { readDevicePart } from "./virtio_devices.ts";
import {
  kindOfDescription,
  kindOfNumber,
  UNKNOWN_KIND,
  type VirtioKind,
} from "./virtio_names.ts";
import { type LayoutReader, UNDECODED } from "./reader.ts";
import { readMsix } from "./msix.ts";
import {
  PCI_CONFIG_SIZES,
  type PciFacts,
  readPciConfig,
} from "./pci_config.ts";
import { readCommon } from "./virtio_subsections.ts";

/** QEMU's limit of queues. */
const MOST_QUEUES = 1024;
/** The specification's limit of a queue's size. */
const LARGEST_QUEUE = 32768;
/** More than any device has; the largest is that of input devices. */
const LARGEST_CONFIG = 4096;

/** What is known of the device beside its bytes. */
export interface VirtioContext {
  /** The name of the description that has the field. */
  readonly vmsd: string;
  /** Whether a guest without VIRTIO_F_VERSION_1 is big-endian. */
  readonly isBigEndian: boolean;
}

/** What a transport has beside its own fields. */
interface Transport {
  /** The device type, if it has it. */
  readonly kind: VirtioKind | undefined;
  readonly hasAlignment: boolean;
  readonly hasVectors: boolean;
}

type ReadTransport = (reader: LayoutReader) => Transport;

/** The version that a PCI device's state begins with. */
const PCI_VERSION = 2;

/** Those that a state may be of, by its first bytes. */
function transportsOf({ source }: LayoutReader): ReadTransport[] {
  const { remaining } = source;
  const isPci = remaining >= 4 &&
    source.peekView(4).getInt32(0) === PCI_VERSION;
  const sizes = isPci ? PCI_CONFIG_SIZES.filter((it) => it < remaining) : [];
  return [
    ...sizes.map((size): ReadTransport => (reader) => readPci(reader, size)),
    readMmio,
  ];
}

/**
 * Reads the state of a virtio device up to the end of the source.
 *
 * @param open makes a reader at the start of the state
 * @throws {StreamError} when no transport fits
 */
export function readVirtio(
  open: () => LayoutReader,
  context: VirtioContext,
): DecodedStruct {
  let best: { struct: DecodedStruct; left: number } | undefined;
  for (const transport of transportsOf(open())) {
    const reader = open();
    try {
      const struct = readWith(transport, reader, context);
      const left = undecodedIn(struct);
      if (left === 0) return struct;
      if (best === undefined || left < best.left) best = { struct, left };
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
    }
  }
  return best?.struct ?? open().refuse("no transport that is known fits");
}

function undecodedIn({ fields }: DecodedStruct): number {
  return fields.reduce(
    (sum, { type, size }) => type === UNDECODED ? sum + size : sum,
    0,
  );
}

function readWith(
  transport: ReadTransport,
  reader: LayoutReader,
  context: VirtioContext,
): DecodedStruct {
  const { kind: own, hasAlignment, hasVectors } = transport(reader);
  const kind = own ?? kindOfDescription(context.vmsd) ?? UNKNOWN_KIND;
  const features = `virtio ${kind.name} features`;
  reader.take("status", "uint8:virtio status");
  reader.take("isr", "uint8:virtio isr");
  if (reader.number("queue_sel", "uint16") >= MOST_QUEUES) {
    reader.refuse("a queue is selected that cannot be");
  }
  const accepted = reader.number("features_low", `uint32:${features}`);
  const length = reader.number("config_length", "uint32");
  if (length > LARGEST_CONFIG) reader.refuse("configuration of that size");
  readConfig(reader, kind, length, context);
  readQueues(reader, hasAlignment, hasVectors);
  readDevicePart(reader, { kind, accepted });
  const start = reader.source.offset;
  const problem = readCommon(reader, features);
  if (problem !== undefined) {
    // Subsections are encoded behind all fields.
    reader.gatherSubsections("subsections", start);
    reader.bytes("rest", reader.source.remaining, UNDECODED, problem);
  }
  return reader.result("virtio");
}

function readPci(reader: LayoutReader, size: number): Transport {
  let facts: PciFacts | undefined;
  reader.take("version_id", "int32");
  reader.struct("config", (inner) => {
    facts = readPciConfig(inner, size);
  }, "pci config");
  reader.numbers("irq_state", "uint32", 4);
  const { vectors = 0 } = facts ?? {};
  if (vectors > 0) {
    reader.struct("msix", (inner) => readMsix(inner, vectors), "msix state");
    reader.take("config_vector", "uint16:virtio vector");
  }
  return {
    kind: facts === undefined ? undefined : kindOfPci(facts),
    hasAlignment: false,
    hasVectors: vectors > 0,
  };
}

const VIRTIO_VENDOR = 0x1af4;
/** Device ids below it are of devices before version 1. */
const MODERN = 0x1040;

function kindOfPci(
  { vendor, device, subsystem }: PciFacts,
): VirtioKind | undefined {
  if (vendor !== VIRTIO_VENDOR) return undefined;
  return kindOfNumber(device >= MODERN ? device - MODERN : subsystem);
}

const PAGE_SHIFTS = 64;

function readMmio(reader: LayoutReader): Transport {
  reader.take("host_features_sel", "uint32");
  reader.take("guest_features_sel", "uint32");
  if (reader.number("guest_page_shift", "uint32") >= PAGE_SHIFTS) {
    reader.refuse("no page size");
  }
  return { kind: undefined, hasAlignment: true, hasVectors: false };
}

function readConfig(
  reader: LayoutReader,
  { config = "" }: VirtioKind,
  length: number,
  { isBigEndian }: VirtioContext,
): void {
  if (length === 0) return;
  if (isBigEndian) {
    const reason = "its byte order depends on the guest";
    reader.bytes("config", length, UNDECODED, reason);
  } else {
    reader.struct("config_space", (inner) => inner.takeWithin(config, length));
  }
}

function readQueues(
  reader: LayoutReader,
  hasAlignment: boolean,
  hasVectors: boolean,
): void {
  const count = reader.number("queue_count", "uint32");
  if (count > MOST_QUEUES) reader.refuse(`${count} queues`);
  reader.structs("queues", count, (queue) => {
    const size = queue.number("num", "uint32");
    if (size === 0 || size > LARGEST_QUEUE) queue.refuse(`queue of ${size}`);
    if (hasAlignment) queue.take("align", "uint32");
    queue.take("descriptors", "uint64:hex");
    queue.take("last_avail_idx", "uint16");
    if (hasVectors) queue.take("vector", "uint16:virtio vector");
  });
}
