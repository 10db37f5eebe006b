/** Tap interfaces that a test opens, as a manager of VMs does. */

import { Fd } from "../../ffi/fd.ts";
import { call } from "../../ffi/libc.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import { openDescriptors } from "../program/descriptors.ts";

const TUNSETIFF = 0x400454can;
/** IFF_TAP, IFF_NO_PI and IFF_VNET_HDR. */
const FLAGS = 0x0002 | 0x1000 | 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
/** `struct ifreq`: its size, and the offset of its flags. */
const IFREQ = { size: 40, flags: 16 } as const;
/** IFF_UP, BROADCAST and MULTICAST. */
const UP = "0x1003";

/**
 * Opens a queue of an interface, which is made if it is not there.
 *
 * @param name at most 15 characters
 */
export function openTap(name: string, isOneOfSeveral = false): Fd {
  const tap = Fd.open("/dev/net/tun", O_RDWR);
  const request = new Uint8Array(IFREQ.size);
  new TextEncoder().encodeInto(name, request);
  const flags = isOneOfSeveral ? FLAGS | IFF_MULTI_QUEUE : FLAGS;
  new DataView(request.buffer).setUint16(IFREQ.flags, flags, true);
  call("ioctl", [tap.number, TUNSETIFF, request], name);
  return tap;
}

/** Brings an interface up: only then it tells whether it has a carrier. */
export async function bringUp(name: string): Promise<void> {
  await Deno.writeTextFile(`/sys/class/net/${name}/flags`, UP);
}

/** Whether somebody has the other end of an interface that is up. */
export async function hasCarrier(name: string): Promise<boolean> {
  return await Deno.readTextFile(`/sys/class/net/${name}/carrier`) === "1\n";
}

/** How many queues get packets: the kernel has a folder for each. */
export function attachedQueues(name: string): number {
  return [...Deno.readDirSync(`/sys/class/net/${name}/queues`)]
    .filter(({ name }) => name.startsWith("tx-")).length;
}

/** The interfaces of a process's queues, one for each. */
export function tapsOf(pid: number): string[] {
  return openDescriptors(pid)
    .filter(({ target }) => target === "/dev/net/tun")
    .map(({ number }) =>
      /^iff:\t(.*)$/m.exec(
        Deno.readTextFileSync(`/proc/${pid}/fdinfo/${number}`),
      )?.[1] ?? ""
    ).sort();
}

/** Why there can be no tap interfaces; undefined where there can. */
export function whyNoTaps(): string | undefined {
  try {
    using _one = openTap(`ct${Deno.pid}`, true);
    using _two = openTap(`ct${Deno.pid}`, true);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
