/** A qcow2 image with snapshots, put together by hand. */

import { bytes } from "./foreign.ts";

/** Bytes of a cluster. */
export const CLUSTER = 4096;
const CLUSTER_BITS = 12;
/** Bytes that one L2 table maps. */
const SPAN = CLUSTER * CLUSTER / 8;
/** Of the virtual disk, whose tables come before those of the VM state. */
const DISK_SIZE = SPAN + 1;

/** A snapshot to write. */
export interface SnapshotToWrite {
  readonly name: string;
  readonly state: Uint8Array;
  /** Instead of the entry of each cluster. */
  readonly entry?: (offset: number, index: number) => number | bigint;
}

/** What to write otherwise than QEMU does. */
export interface ImageChanges {
  readonly version?: number;
  readonly clusterBits?: number;
  readonly encryption?: number;
  readonly features?: bigint;
  readonly count?: number;
  readonly stateSize?: number;
  readonly entries?: number;
}

/** An image with these snapshots; the disk itself is empty. */
export function qcow2(
  snapshots: readonly SnapshotToWrite[],
  changes: ImageChanges = {},
): Uint8Array {
  const clusters: Uint8Array[] = [];
  /** Adds a cluster, returns its offset: header and snapshots come before. */
  const add = (content: Uint8Array) => {
    const cluster = new Uint8Array(CLUSTER);
    cluster.set(content);
    clusters.push(cluster);
    return (1 + clusters.length) * CLUSTER;
  };
  const table = (entries: readonly (number | bigint)[]) =>
    bytes((sink) => entries.forEach((entry) => sink.u64(BigInt(entry))));
  const entries = snapshots.map(({ name, state, entry = (at) => at }, id) => {
    const l2: (number | bigint)[] = [];
    for (let at = 0; at < state.length; at += CLUSTER) {
      const offset = add(state.subarray(at, at + CLUSTER));
      l2.push(entry(offset, l2.length));
    }
    const l1 = add(table([0, 0, add(table(l2))]));
    const stateSize = changes.stateSize ?? state.length;
    return bytes((sink) => {
      sink.size64(l1);
      sink.u32(changes.entries ?? 3);
      sink.u16(1);
      sink.u16(name.length);
      sink.zeros(16);
      sink.u32(0);
      sink.u32(16);
      sink.size64(stateSize);
      sink.size64(DISK_SIZE);
      sink.text(`${id + 1}${name}`);
      sink.zeros((8 - (1 + name.length) % 8) % 8);
    });
  });
  const header = bytes((sink) => {
    sink.text("QFI");
    sink.u8(0xfb);
    sink.u32(changes.version ?? 3);
    sink.zeros(12);
    sink.u32(changes.clusterBits ?? CLUSTER_BITS);
    // Not the size that the snapshots have.
    sink.size64(0);
    sink.u32(changes.encryption ?? 0);
    sink.zeros(24);
    sink.u32(changes.count ?? snapshots.length);
    sink.size64(CLUSTER);
    sink.u64(changes.features ?? 1n);
  });
  const image = new Uint8Array((2 + clusters.length) * CLUSTER);
  image.set(header);
  image.set(entries.flatMap((entry) => [...entry]), CLUSTER);
  clusters.forEach((cluster, at) => image.set(cluster, (2 + at) * CLUSTER));
  return image;
}
