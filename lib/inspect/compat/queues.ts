/**
 * Queues of virtio devices that are larger than their device allocates. QEMU
 * 11.1 refuses them; QEMU 10.0 saves them for devices that no driver set up.
 *
 * @module
 */

import { type DecodedStruct, isStruct } from "../../migration/stream/mod.ts";
import type { InspectedSection } from "../inspection.ts";

/** A queue that is too large. */
export interface LargeQueue {
  /** The name of the device's description. */
  readonly vmsd: string;
  readonly queue: number;
  /** Its entries, as sent. */
  readonly entries: number;
  /** The entries that every QEMU allocates for it. */
  readonly allocated: number;
}

/**
 * Entries of a device's first queue; others may have more, as that of free pages
 * of a balloon. What an option decides is not here: disks, SCSI, the data queues
 * of net.
 */
const ALLOCATED: Readonly<Record<string, number>> = {
  "virtio-9p": 128,
  "virtio-balloon": 128,
  "virtio-console": 128,
  "virtio-input": 64,
  "virtio-iommu": 256,
  "virtio-mem": 128,
  "virtio-rng": 8,
};

const NET = "virtio-net";
/** The last queue of a network card, behind the pairs. */
const NET_CONTROL = 64;

/** The queues in a stream that are too large. */
export function largeQueues(
  sections: readonly InspectedSection[],
): LargeQueue[] {
  return sections.flatMap(({ state }) => {
    if (state === undefined || !isStruct(state)) return [];
    const { vmsd, fields } = state;
    const device = fields.find(({ type }) => type === "virtio")?.value;
    if (device === undefined || !isStruct(device)) return [];
    const sizes = sizesOf(device);
    const isNet = vmsd === NET && sizes.length % 2 === 1;
    const queue = isNet ? sizes.length - 1 : 0;
    const allocated = isNet ? NET_CONTROL : ALLOCATED[vmsd];
    const entries = sizes[queue] ?? 0;
    return allocated === undefined || entries <= allocated
      ? []
      : [{ vmsd, queue, entries, allocated }];
  });
}

function sizesOf({ fields }: DecodedStruct): number[] {
  const queues = fields.find(({ name }) => name === "queues")?.value;
  if (!Array.isArray(queues)) return [];
  return queues.filter(isStruct).map((queue) =>
    Number(queue.fields.find(({ name }) => name === "num")?.value ?? 0)
  );
}
