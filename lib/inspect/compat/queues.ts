/**
 * Queues of virtio devices that are larger than their device allocates. QEMU
 * 11.1 refuses them; QEMU 10.0 saves them for devices that no driver set up.
 *
 * @module
 */

import {
  type DecodedStruct,
  isStruct,
} from "../../migration/stream/decoded.ts";
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
  /** Whether an option may have it allocate more. */
  readonly isDefault: boolean;
}

/**
 * Entries of a device's first queue; others may have more, as that of free pages
 * of a balloon. The data queues of net are not here: an option decides.
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

/** The same, if no option says otherwise. */
const ALLOCATED_BY_DEFAULT: Readonly<Record<string, number>> = {
  "virtio-blk": 256,
  "virtio-scsi": 256,
};
/** What QEMU 10.0 saves for a queue that no driver set up. */
const NOT_SET_UP = 1024;

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
    const queues = queuesOf(device);
    const isNet = vmsd === NET && queues.length % 2 === 1;
    const queue = isNet ? queues.length - 1 : 0;
    const { entries, isSetUp } = queues[queue] ?? { entries: 0, isSetUp: true };
    const always = isNet ? NET_CONTROL : ALLOCATED[vmsd];
    const isDefault = always === undefined && entries === NOT_SET_UP &&
      !isSetUp;
    const allocated = isDefault ? ALLOCATED_BY_DEFAULT[vmsd] : always;
    return allocated === undefined || entries <= allocated
      ? []
      : [{ vmsd, queue, entries, allocated, isDefault }];
  });
}

/** The queues of a device: what was sent of each. */
function queuesOf(
  { fields }: DecodedStruct,
): { entries: number; isSetUp: boolean }[] {
  const queues = fields.find(({ name }) => name === "queues")?.value;
  if (!Array.isArray(queues)) return [];
  return queues.filter(isStruct).map((queue) => {
    const numberOf = (name: string) =>
      Number(queue.fields.find((field) => field.name === name)?.value ?? 0);
    return {
      entries: numberOf("num"),
      isSetUp: numberOf("descriptors") !== 0,
    };
  });
}
