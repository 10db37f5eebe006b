/** The processes of a VM of the suite, whatever they became. */

import { OsError } from "../../ffi/libc.ts";
import { PidFd } from "../../ffi/process.ts";
import { isGone } from "../../lib/gone.ts";
import type { QemuBuilds } from "../qemu/builds/builds.ts";
import { MARK } from "../program/reaper.ts";

const END_TIMEOUT_MS = 10_000;

/** A process that was started for a VM, or descends from one. */
export interface Member {
  readonly pid: number;
  /** Path of the file that it executes. */
  readonly executable: string;
}

/** Kills a process, and waits until what it was is gone. */
export async function kill(pid: number): Promise<void> {
  let process: PidFd;
  try {
    process = PidFd.open(pid);
  } catch (error) {
    if (error instanceof OsError && error.code === "ESRCH") return;
    throw error;
  }
  using victim = process;
  if (!victim.hasExited()) victim.sendSignal("SIGKILL");
  if (!await victim.exited(END_TIMEOUT_MS)) throw new Error(`${pid} lives on`);
}

/** The process of a new program that runs beside that of the VM. */
export function newProcess(
  { folder, pid }: { readonly folder: string; readonly pid: number },
  builds: QemuBuilds,
): number | undefined {
  return membersOf(folder).find((it) =>
    it.pid !== pid && it.executable === builds.new.binary
  )?.pid;
}

/** Every process that carries the mark of a VM's folder. */
export function membersOf(folder: string): Member[] {
  const mark = `${MARK}=${folder}`;
  const members: Member[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${name}/environ`);
      if (!environment.split("\0").includes(mark)) continue;
      members.push({
        pid: Number(name),
        executable: Deno.readLinkSync(`/proc/${name}/exe`),
      });
    } catch (error) {
      // A zombie has nothing to read.
      const isZombie = error instanceof Deno.errors.PermissionDenied;
      if (!isZombie && !isGone(error)) throw error;
    }
  }
  return members;
}
