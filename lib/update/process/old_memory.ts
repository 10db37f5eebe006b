/**
 * The old program's address space, kept until the guest runs on the new one.
 *
 * The kernel takes it apart when its last user lets go of it: some 50 ms for
 * every gigabyte that is mapped in it. An exec waits for that, and the guest
 * for the exec, unless there is another user: us. Guest RAM itself is not
 * concerned, it is in files; nor is a rollback, which starts the old program
 * beside it as the exec started the new one.
 *
 * Meanwhile the process's control group has the memory of both programs. Where
 * it has no room for that, the kernel would kill the new one: then the guest
 * waits.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { AddressSpacePin } from "../../../ffi/address_space_pin.ts";
import { parseMaps } from "../../proc/maps.ts";
import { readStatusSync } from "../../proc/status.ts";
import { memoryRoom, START_BYTES } from "./memory_room.ts";
import { isHidden, readProcText } from "../../proc/file.ts";

/** The kernel lets a process have 65530 mappings, each a line. */
const MAXIMUM_MAPS = 16 * 1024 * 1024;
/** It takes microseconds. */
const TIMEOUT_MS = 1_000;

/**
 * Mappings that take memory and nothing else. A mapped device or socket would
 * still be in use when the new program opens it.
 */
const MEMORY = [
  /^$/, // anonymous
  /^\[/, // heap, stack, vdso
  /^\/(?!dev\/|sys\/|proc\/|dmabuf:)/, // files, memfds
  /^\/dev\/(zero|shm\/|hugepages\/)/,
  /^anon_inode:kvm-vcpu/,
  /^anon_inode:\[io_uring\]$/, // what was under way is ended by the exec
];

/** Keeps an address space until it is disposed. */
export class OldMemory implements AsyncDisposable {
  private constructor(private readonly held: AddressSpacePin | undefined) {}

  /**
   * Keeps the address space of a process, or nothing where that cannot be, or
   * has no room: the guest waits a little longer then.
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
      // Not root, or no such call in this kernel; or the process has ended, or
      // keeps its address space locked.
      if (!(error instanceof OsError || isHidden(error))) throw error;
      return new OldMemory(undefined);
    }
  }

  /** Lets go, which takes the kernel a while. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.held?.[Symbol.asyncDispose]();
  }
}

/** Whether the new program can start while the old one's own memory is there. */
function hasRoom(pid: number): boolean {
  const room = memoryRoom(pid);
  if (room === undefined) return true;
  return room.leftAtEase >= START_BYTES + readStatusSync(pid).ownBytes;
}

/**
 * An address that can be read.
 *
 * @param maps in the form of /proc/PID/maps
 * @returns undefined where more than memory is mapped
 */
export function addressIn(maps: string): bigint | undefined {
  let address: bigint | undefined;
  for (const { start, permissions, path } of parseMaps(maps)) {
    if (!MEMORY.some((pattern) => pattern.test(path))) return undefined;
    if (permissions.startsWith("r")) address ??= start;
  }
  return address;
}
