/**
 * Queues of tap interfaces: ioctls of `<linux/if_tun.h>`.
 *
 * The kernel gives a queue packets only while it is attached to its interface.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { makedev } from "./file_status.ts";
import { call, ifPossible } from "./libc.ts";

/** /dev/net/tun, as in the kernel's list of devices. */
const TUN = makedev(10, 200);

const TUNSETQUEUE = 0x400454d9n;
const IFF_ATTACH_QUEUE = 0x0200;
const IFF_DETACH_QUEUE = 0x0400;

/** `struct ifreq`: its size, and the offset of its flags. */
const IFREQ = { size: 40, flags: 16 } as const;

/**
 * Attaches a queue to its interface.
 *
 * @returns whether it was detached; false for any other descriptor
 */
export function attachQueue(queue: Fd): boolean {
  return setQueue(queue, IFF_ATTACH_QUEUE);
}

/**
 * Detaches a queue from its interface.
 *
 * @returns whether it was attached; false for any other descriptor
 */
export function detachQueue(queue: Fd): boolean {
  return setQueue(queue, IFF_DETACH_QUEUE);
}

function setQueue(queue: Fd, flags: number): boolean {
  const { isCharacterDevice, rdev } = queue.stat();
  if (!isCharacterDevice || rdev !== TUN) return false;
  const request = new Uint8Array(IFREQ.size);
  new DataView(request.buffer).setUint16(IFREQ.flags, flags, true);
  const { number } = queue;
  // EINVAL: it is so already, or the interface has one queue.
  return ifPossible(
    () => call("ioctl", [number, TUNSETQUEUE, request], number),
    "EINVAL",
  ) !== undefined;
}
