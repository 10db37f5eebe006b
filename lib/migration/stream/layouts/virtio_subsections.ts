/**
 * The subsections of a virtio device. Those of the transport are inside
 * `virtio/extra_state`.
 *
 * @module
 */

import { StreamError } from "../../../stream/mod.ts";
import { RecordType } from "../framing.ts";
import { type LayoutReader, sizeOf } from "./reader.ts";

/** The tables have an entry for each queue that could be. */
const QUEUES = 1024;

/** A list of fields, or what reads them. */
type Read = string | ((reader: LayoutReader) => void);

/** How to read the subsections of one owner, by their names. */
export type SubsectionTable = Readonly<Record<string, Read>>;

/** Reads a table of queues, each with the fields of a list. */
function readQueues(reader: LayoutReader, list: string): void {
  reader.table("queues", QUEUES, sizeOf(list), (queue) => queue.takeAll(list));
}

const TRANSPORT_QUEUE = `
  enabled bool, descriptors_low, descriptors_high, driver_low, driver_high,
  device_low, device_high uint32:hex
`;

const TRANSPORT: SubsectionTable = {
  "virtio_pci/modern_state": (reader) => {
    reader.takeAll("dfselect, gfselect uint32");
    reader.numbers("guest_features", "uint32:hex", 2);
    readQueues(reader, `num uint16, unused 1 bytes, ${TRANSPORT_QUEUE}`);
  },
  "virtio_mmio/state": (reader) => {
    reader.numbers("guest_features", "uint32:hex", 2);
    readQueues(reader, `num uint16, ${TRANSPORT_QUEUE}`);
  },
};

/** @param features the type of the device's features */
function common(features: string): SubsectionTable {
  return {
    "virtio/device_endian": "device_endian uint8:virtio endian",
    "virtio/64bit_features": `guest_features uint64:${features}`,
    "virtio/128bit_features": "guest_features_high uint64:hex",
    "virtio/virtqueues": (reader) =>
      readQueues(reader, "driver, device uint64:hex"),
    "virtio/ringsize": (reader) => readQueues(reader, "num_default uint32"),
    "virtio/broken": "broken bool",
    "virtio/extra_state": (reader) =>
      reader.struct(
        "extra_state",
        (inner) => readAllOf(inner, "virtio_", TRANSPORT),
      ),
    "virtio/started": "started bool",
    "virtio/packed_virtqueues": (reader) =>
      readQueues(
        reader,
        `last_avail_idx uint16, last_avail_wrap_counter bool,
        used_idx uint16, used_wrap_counter bool, inuse uint32`,
      ),
    "virtio/disabled": "disabled bool",
  };
}

/**
 * Reads the subsections of every virtio device, to the end of the state.
 *
 * @param features the type of the device's features
 * @returns why reading ended before
 */
export function readCommon(
  reader: LayoutReader,
  features: string,
): string | undefined {
  const problem = readSubsections(reader, COMMON, common(features));
  if (problem !== undefined) return problem;
  return reader.source.remaining === 0 ? undefined : "it is no subsection";
}

/** Names of the subsections of every virtio device begin with it. */
const COMMON = "virtio/";
const COMMON_BYTES = new TextEncoder().encode(COMMON);

/** Whether the state ends here, or the common subsections begin. */
export function isCommonHere(reader: LayoutReader): boolean {
  return reader.source.remaining === 0 ||
    nameHere(reader)?.startsWith(COMMON) === true;
}

/** Bytes up to the common subsections, or to the end without any. */
export function distanceToCommon({ source }: LayoutReader): number {
  const view = source.peekView(source.remaining);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  for (let at = 0;; at++) {
    at = bytes.indexOf(RecordType.SUBSECTION, at);
    if (at < 0) return bytes.length;
    const length = bytes[at + 1] ?? 0;
    const isHere = length > COMMON.length &&
      COMMON_BYTES.every((byte, index) => byte === bytes[at + 2 + index]);
    if (isHere) return at;
  }
}

/** @throws {StreamError} when one cannot be read */
export function readAllOf(
  reader: LayoutReader,
  prefix: string,
  table: SubsectionTable,
): void {
  const problem = readSubsections(reader, prefix, table);
  if (problem !== undefined) reader.refuse(problem);
}

const VERSION = 1;

/**
 * Reads the subsections that begin here and whose names have the prefix.
 *
 * @returns why one of them cannot be read
 */
function readSubsections(
  reader: LayoutReader,
  prefix: string,
  table: SubsectionTable,
): string | undefined {
  const { source } = reader;
  const seen = new Set<string>();
  for (;;) {
    const name = nameHere(reader);
    if (name === undefined || !name.startsWith(prefix)) return undefined;
    const read = Object.hasOwn(table, name) ? table[name] : undefined;
    if (read === undefined) return `subsection "${name}" is not known`;
    if (seen.has(name)) return `subsection "${name}" comes twice`;
    seen.add(name);
    const { offset } = source;
    try {
      source.skip(2 + name.length);
      if (source.u32() !== VERSION) reader.refuse("another version");
      reader.subsection(
        name,
        VERSION,
        typeof read === "string" ? (inner) => inner.takeAll(read) : read,
      );
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      source.seek(offset);
      return `subsection "${name}" has another form`;
    }
  }
}

/** The name of the subsection that begins here. */
function nameHere({ source }: LayoutReader): string | undefined {
  if (source.peek() !== RecordType.SUBSECTION) return undefined;
  const length = source.peek(1);
  return length === undefined ? undefined : source.peekText(2, length);
}
