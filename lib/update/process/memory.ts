/**
 * Writes the memory of a VM's process, through /proc/PID/mem.
 *
 * The process may execute another program at any moment, even one with the
 * rights of another user. Opening the file fixes the image whose memory is
 * written: that is done only if the image was the user's own before and after
 * the opening.
 *
 * @module
 */

import { hasSetIds } from "../../proc/auxv.ts";
import { readStatSync } from "../../proc/stat.ts";
import { UpdateProblem } from "../error.ts";
import { isOwnedBy } from "./identity.ts";

/** A process, and the user and group that it must have. */
export interface OwnedProcess {
  readonly pid: number;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Whether this user may write the memory of a process. */
export async function canWriteMemory(vm: OwnedProcess): Promise<boolean> {
  try {
    using _memory = await openMemory(vm);
    return true;
  } catch (error) {
    const isExpected = error instanceof Deno.errors.PermissionDenied ||
      error instanceof UpdateProblem;
    if (isExpected) return false;
    throw error;
  }
}

/**
 * @param address in the process
 * @throws {UpdateProblem} when the process is not its user's, or changes
 * @throws {Deno.errors.PermissionDenied}
 */
export async function writeMemory(
  vm: OwnedProcess,
  address: bigint,
  bytes: Uint8Array,
): Promise<void> {
  using memory = await openMemory(vm);
  memory.seekSync(address, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    at += memory.writeSync(bytes.subarray(at));
  }
}

async function openMemory({ pid, owner }: OwnedProcess): Promise<Deno.FsFile> {
  const { image } = readStatSync(pid);
  using stack = new DisposableStack();
  const memory = stack.use(
    Deno.openSync(`/proc/${pid}/mem`, { write: true }),
  );
  const isItsOwn = !await hasSetIds(pid) && isOwnedBy(pid, owner);
  if (!isItsOwn || readStatSync(pid).image !== image) {
    throw new UpdateProblem(
      "process-changed",
      `Process ${pid} has changed since it was examined`,
    );
  }
  stack.move();
  return memory;
}
