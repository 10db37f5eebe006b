/** The processes of a VM of the suite, whatever they became. */

import { isGone } from "../../lib/gone.ts";
import { MARK } from "../program/reaper.ts";

/** A process that was started for a VM, or descends from one. */
export interface Member {
  readonly pid: number;
  /** Path of the file that it executes. */
  readonly executable: string;
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
