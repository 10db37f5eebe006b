/**
 * The state of a VM in an internal snapshot of a qcow2 image, as `savevm`,
 * `snapshot-save` and `virsh snapshot-create` make them. It is guest data behind
 * the end of the virtual disk, mapped by the snapshot's own L1 table.
 *
 * ```
 * header    0 "QFI\xfb"  4 be32 version  20 be32 cluster_bits  24 be64 size
 *          32 be32 crypt_method  60 be32 nb_snapshots  64 be64 snapshots_offset
 *          72 be64 incompatible_features                      from version 3 on
 * snapshot  0 be64 l1_table_offset  8 be32 l1_size  12 be16 id length
 *          14 be16 name length  32 be32 vm_state_size  36 be32 extra size
 *          40 be64 vm_state_size  48 be64 disk size       as far as extra goes
 *             id, name, up to a multiple of 8
 * L1, L2    be64: bits 9 to 55 an offset; bit 62 compressed, bit 0 zeros
 * ```
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import { type MappedPart, Mapping } from "../../ffi/mapping.ts";
import { Source } from "../stream/source.ts";
import { InspectError } from "./error.ts";
import { LOAD_SNAPSHOT, MAGIC_SIZE } from "./format.ts";
import { type Input, mapped } from "./input.ts";

const HEADER_SIZE = 104;
const VERSIONS = [2, 3];
/** A cluster has at least a page, which can be mapped. */
const CLUSTER_BITS = { least: 12, most: 21 } as const;
/** QEMU's own limits. */
const [MOST_SNAPSHOTS, MOST_EXTRA] = [65_536, 1024];
/** A state of 2 TiB with the usual clusters; each takes time. */
const MOST_CLUSTERS = 2 ** 25;
/** Half of what the kernel allows a process. */
const MOST_PARTS = 32_768;
/** The image was not closed, is damaged elsewhere, or names a compression. */
const HARMLESS_FEATURES = 0b1011n;
const ENTRY_SIZE = 8;
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
const ZEROS = 1n;
/** More names would not help. */
const MOST_NAMES = 10;

const utf8 = new TextDecoder();

/** An internal snapshot. */
interface Snapshot {
  readonly id: string;
  readonly name: string;
  /** Offset and number of entries of its L1 table. */
  readonly table: number;
  readonly entries: number;
  /** Bytes. */
  readonly diskSize: number;
  readonly stateSize: number;
}

/**
 * Opens the VM state of a snapshot.
 *
 * @param wanted its name or id; not needed if only one has a VM state
 * @throws {InspectError} when there is none, or it cannot be read
 * @throws {OsError}
 */
export function openSnapshot(
  file: Fd,
  name: string,
  wanted: string | undefined,
): Input {
  const image = new Image(file, name);
  const snapshot = chosen(image.snapshots(), name, wanted);
  return mapped(Mapping.mapParts(file, image.partsOf(snapshot)), name);
}

function chosen(
  snapshots: readonly Snapshot[],
  file: string,
  wanted: string | undefined,
): Snapshot {
  const withState = snapshots.filter(({ stateSize }) => stateSize > 0);
  const [only] = withState;
  if (only === undefined) {
    throw new InspectError(
      "no-snapshot",
      `Cannot inspect "${file}": no snapshot in this qcow2 image has the ` +
        "state of a VM",
    );
  }
  const found = wanted === undefined
    ? withState.length === 1 ? only : undefined
    : withState.find(({ name }) => name === wanted) ??
      withState.find(({ id }) => id === wanted);
  if (found !== undefined) return found;
  const names = withState.slice(0, MOST_NAMES).map(({ id, name }) =>
    name || id
  );
  if (withState.length > MOST_NAMES) names.push("…");
  throw new InspectError(
    "no-snapshot",
    wanted === undefined
      ? `Cannot inspect "${file}": ${withState.length} snapshots in this ` +
        "qcow2 image have the state of a VM"
      : `Cannot find a snapshot "${wanted}" with the state of a VM in "${file}"`,
    { remedy: `Name one with --snapshot: ${names.join(", ")}` },
  );
}

/** A qcow2 image. Nothing in it is trusted. */
class Image {
  readonly #size: number;
  readonly #clusterBits: number;
  readonly #diskSize: number;
  readonly #snapshotCount: number;
  readonly #snapshotTable: number;

  constructor(private readonly file: Fd, private readonly name: string) {
    this.#size = file.stat().size;
    const header = this.#read(MAGIC_SIZE, HEADER_SIZE);
    const version = header.u32();
    if (!VERSIONS.includes(version)) throw this.#unknown(`version ${version}`);
    header.skip(12);
    this.#clusterBits = header.u32();
    const { least, most } = CLUSTER_BITS;
    if (this.#clusterBits < least || this.#clusterBits > most) {
      throw this.#unknown(`clusters of ${this.#clusterBits} bits`);
    }
    this.#diskSize = header.size64();
    if (header.u32() !== 0) throw this.#unknown("encryption");
    header.skip(24);
    this.#snapshotCount = header.u32();
    this.#snapshotTable = header.size64();
    const features = version < 3 ? 0n : header.u64();
    if ((features & ~HARMLESS_FEATURES) !== 0n) {
      throw this.#unknown(`incompatible features 0x${features.toString(16)}`);
    }
  }

  snapshots(): Snapshot[] {
    const count = this.#snapshotCount;
    if (count > MOST_SNAPSHOTS) throw this.#malformed(`${count} snapshots`);
    const snapshots: Snapshot[] = [];
    let at = this.#snapshotTable;
    for (let index = 0; index < count; index++) {
      const entry = this.#read(at, 40);
      const table = entry.size64();
      const entries = entry.u32();
      const [idLength, nameLength] = [entry.u16(), entry.u16()];
      entry.skip(16);
      const shortSize = entry.u32();
      const extraSize = entry.u32();
      if (extraSize > MOST_EXTRA) {
        throw this.#malformed(`extra data of ${extraSize} bytes`);
      }
      const extra = this.#read(at + 40, extraSize);
      const names = this.#read(at + 40 + extraSize, idLength + nameLength);
      snapshots.push({
        table,
        entries,
        stateSize: extraSize < 8 ? shortSize : extra.size64(),
        diskSize: extraSize < 16 ? this.#diskSize : extra.size64(),
        id: utf8.decode(names.bytes(idLength)),
        name: utf8.decode(names.bytes(nameLength)),
      });
      const size = 40 + extraSize + idLength + nameLength;
      at += Math.ceil(size / 8) * 8;
    }
    return snapshots;
  }

  /** Where the VM state of a snapshot is in the file. */
  partsOf({ table, entries, diskSize, stateSize }: Snapshot): MappedPart[] {
    const cluster = 2 ** this.#clusterBits;
    if (stateSize > this.#size || stateSize > MOST_CLUSTERS * cluster) {
      throw this.#malformed(`a VM state of ${stateSize} bytes`);
    }
    const span = cluster * (cluster / ENTRY_SIZE);
    const first = Math.ceil(diskSize / span);
    const tables = Math.ceil(stateSize / span);
    if (first + tables > entries) {
      throw this.#malformed("a table that does not hold the VM state");
    }
    const top = this.#read(table + first * ENTRY_SIZE, tables * ENTRY_SIZE);
    const parts: { length: number; offset: number | undefined }[] = [];
    for (let left = stateSize; left > 0;) {
      const l2 = this.#offset(top.u64());
      const here = Math.ceil(Math.min(left, span) / cluster);
      const clusters = l2 === undefined
        ? undefined
        : this.#read(l2, here * ENTRY_SIZE);
      for (let index = 0; index < here; index++) {
        const offset = this.#offset(clusters?.u64() ?? 0n);
        const length = Math.min(left, cluster);
        left -= length;
        const last = parts.at(-1);
        const next = last?.offset === undefined
          ? undefined
          : last.offset + last.length;
        if (offset !== undefined && offset + length > this.#size) {
          throw this.#malformed(`a cluster at ${offset}, after its end`);
        }
        if (last !== undefined && offset === next) last.length += length;
        else if (parts.length < MOST_PARTS) parts.push({ length, offset });
        else throw this.#unknown(`a VM state in more than ${MOST_PARTS} parts`);
      }
    }
    return parts;
  }

  /** What an entry of a table points to; undefined for zeros. */
  #offset(entry: bigint): number | undefined {
    if ((entry & COMPRESSED) !== 0n) {
      throw this.#unknown("a compressed VM state");
    }
    const offset = Number(entry & OFFSET_MASK);
    if (offset === 0 || (entry & ZEROS) !== 0n) return undefined;
    if (offset % 2 ** this.#clusterBits === 0) return offset;
    throw this.#malformed(`a cluster at ${offset}`);
  }

  #read(offset: number, length: number): Source {
    if (offset + length > this.#size) {
      throw this.#malformed(`a table at ${offset}, after its end`);
    }
    const bytes = new Uint8Array(length);
    if (this.file.preadAll(bytes, offset) < length) {
      throw this.#malformed("no end that stays");
    }
    return new Source(bytes, { base: offset });
  }

  #malformed(what: string): InspectError {
    return new InspectError(
      "malformed",
      `Cannot read the qcow2 image "${this.name}": it has ${what}`,
      { remedy: "Check it: qemu-img check" },
    );
  }

  #unknown(what: string): InspectError {
    return new InspectError(
      "unsupported",
      `Cannot read the qcow2 image "${this.name}": ${what} is not supported`,
      { remedy: LOAD_SNAPSHOT },
    );
  }
}
