/**
 * Keeps the old program's address space until the guest runs on the new
 * program.
 *
 * The kernel tears an address space down when its last user releases it, which
 * takes about 50 ms for each mapped gigabyte. An exec waits for that, and the
 * guest waits for the exec, unless there is another user: us. Guest RAM itself
 * is not affected, since it is in files. Neither is a rollback: it starts the
 * old program next to the kept address space, as the exec started the new one.
 *
 * Meanwhile the memory of both programs counts in the process's control group.
 * If there is no room for both, the kernel would kill the new program: then the
 * address space is not kept, and the guest waits.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { AddressSpacePin } from "../../../ffi/address_space_pin.ts";
import { parseMaps } from "../../proc/maps.ts";
import { readStatusSync } from "../../proc/status.ts";
import { memoryRoom, START_BYTES } from "./memory_room.ts";
import { isHidden, readProcText } from "../../proc/file.ts";

/** By default a process may have 65530 mappings, each of which is a line. */
const MAXIMUM_MAPS = 16 * 1024 * 1024;
/** Pinning takes microseconds. */
const TIMEOUT_MS = 1_000;

/**
 * Mappings that only hold memory. A mapped device or socket would still be in
 * use when the new program opens it.
 */
const MEMORY = [
  /^$/, // anonymous
  /^\[/, // heap, stack, vdso
  /^\/(?!dev\/|sys\/|proc\/|dmabuf:)/, // files, memfds
  /^\/dev\/(zero|shm\/|hugepages\/)/,
  /^anon_inode:kvm-vcpu/,
  /^anon_inode:\[io_uring\]$/, // what was under way is ended by the exec
];

/** Keeps an address space until it is disposed of. */
export class OldMemory implements AsyncDisposable {
  private constructor(private readonly held: AddressSpacePin | undefined) {}

  /**
   * Keeps the address space of a process. If that is not possible, or there is
   * no room, it keeps nothing: the guest then waits a little longer.
   */
  static async keep(pid: number): Promise<OldMemory> {
    try {
      const maps = await readProcText(pid, "maps", MAXIMUM_MAPS);
      const address = addressIn(maps);
      if (address === undefined || !hasRoom(pid)) {
        return new OldMemory(undefined);
      }
      return new OldMemory(
        await AddressSpacePin.begin(pid, address, TIMEOUT_MS),
      );
    } catch (error) {
      // We are not root, the kernel has no such call, the process has ended, or
      // it has locked its address space.
      if (!(error instanceof OsError || isHidden(error))) throw error;
      return new OldMemory(undefined);
    }
  }

  /** Releases it, which takes the kernel a while. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.held?.[Symbol.asyncDispose]();
  }
}

/** Whether the new program can start while the old one's memory is kept. */
function hasRoom(pid: number): boolean {
  const room = memoryRoom(pid);
  if (room === undefined) return true;
  return room.leftAtEase >= START_BYTES + readStatusSync(pid).ownBytes;
}

/**
 * An address that can be read.
 *
 * @param maps in the form of /proc/PID/maps
 * @returns undefined if anything but memory is mapped
 */
export function addressIn(maps: string): bigint | undefined {
  let address: bigint | undefined;
  for (const { start, permissions, path } of parseMaps(maps)) {
    if (!MEMORY.some((pattern) => pattern.test(path))) return undefined;
    if (permissions.startsWith("r")) address ??= start;
  }
  return address;
}
