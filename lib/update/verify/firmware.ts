/**
 * The firmware that the guest sees, by its contents. It is RAM that stays in
 * place; a QEMU that reads the file again as it starts would change it under
 * the guest.
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import { isMemfd } from "../../../ffi/foreign_file.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import type { Hold } from "../transaction/hold.ts";
import { type Objects, objectsOf } from "./view.ts";

/** Firmware and the ROMs of PCI devices; others belong to the guest as well. */
const FIRMWARE = /^(pc\.bios|system\.flash\d+|.+\/.+\.rom)$/;
const BIOS = "pc.bios";
/**
 * Here the firmware is RAM to which it writes, and KVM as well: its clock is
 * there, which goes on while the guest is stopped.
 */
const WRITES_BIOS = /^(microvm|isapc)/;
/** Of all together; those of QEMU have some hundred KiB each. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Hashes the firmware. It is read synchronously, since the guest is stopped, and
 * hashed on another thread.
 *
 * @param machine its type
 */
export async function hashFirmware(
  { cprState, descriptors }: Pick<Hold, "cprState" | "descriptors">,
  machine = "",
): Promise<Objects> {
  let left = MOST_BYTES;
  const hashes: Promise<readonly [string, string]>[] = [];
  for (const { name, descriptor } of cprState.descriptors) {
    const fd = descriptors.get(descriptor);
    if (fd === undefined || !FIRMWARE.test(name)) continue;
    if (name === BIOS && WRITES_BIOS.test(machine)) continue;
    const contents = contentsOf(fd, left);
    if (contents === undefined) continue;
    left -= contents.length;
    hashes.push(hash(contents).then((it) => [name, it] as const));
  }
  const found = await Promise.all(hashes);
  return objectsOf(found.map(([name, sha256]) => [name, { sha256 }]));
}

/** Compiles what {@linkcode hashFirmware} executes, and starts its thread. */
export async function warmUpHash(): Promise<void> {
  using memory = createMemfd("warm-up", { size: 4096 });
  const block = { name: BIOS, id: 0, descriptor: memory.number };
  await hashFirmware({
    cprState: { descriptors: [block], vfioDevices: [] },
    descriptors: new Map([[memory.number, memory]]),
  });
}

/** Undefined if it is too large, or no memory: other files may block. */
function contentsOf(
  fd: Fd,
  limit: number,
): Uint8Array<ArrayBuffer> | undefined {
  const status = fd.stat();
  const { size } = status;
  if (!isMemfd(status) || size > limit) return undefined;
  const contents = new Uint8Array(size);
  return contents.subarray(0, fd.pread(contents, 0));
}

async function hash(contents: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", contents);
  return new Uint8Array(digest).toHex();
}
