/**
 * The directories in /proc: the processes, their threads and owners. They come and
 * go while it is read.
 *
 * @module
 */

import type { ProcessHandle } from "../../ffi/process.ts";
import { ifThereSync } from "../gone.ts";

/** The ids of all processes. */
export async function readPids(): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name)) pids.push(Number(name));
  }
  return pids;
}

/** The ids of the threads that a process has now. */
export function readThreadIds(pid: number | "self"): number[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)]
    .map(({ name }) => Number(name));
}

/** How many there are, which takes less time. */
export function readThreadCount(pid: number | "self"): number {
  // Each is a folder, which adds a link to the one that it is in.
  return Deno.statSync(`/proc/${pid}/task`).nlink ?? 0;
}

/** The ids for a process by its pidfd: none once it has ended. */
export function threadIdsOf(process: ProcessHandle): number[] {
  const ids = ifThereSync(() => readThreadIds(process.pid)) ?? [];
  // If it still exists, its pid was not reused meanwhile.
  return process.hasExited() ? [] : ids;
}

/** Effective user and group of a process. */
export async function readOwner(
  pid: number,
): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await Deno.stat(`/proc/${pid}`);
  return { uid: uid ?? 0, gid: gid ?? 0 };
}
