/** How a process ended. */

import { signalName } from "../../../ffi/signals.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { isHidden } from "../../proc/file.ts";
import { readStat } from "../../proc/stat.ts";

/**
 * "process 12 ended: killed by SIGSEGV"; without the reason where the system
 * does not tell.
 */
export async function howItEnded(process: ProcessHandle): Promise<string> {
  const what = `process ${process.pid} ended`;
  // Its parent may wait for it just now.
  const status = await statusOfZombie(process.pid) ?? process.exitStatus();
  if (status === undefined) return what;
  const signal = status & 0x7f;
  return signal === 0
    ? `${what}: exit status ${status >> 8 & 0xff}`
    : `${what}: killed by ${signalName(signal)}`;
}

/** Before its parent waits for it, no other place tells. */
async function statusOfZombie(pid: number): Promise<number | undefined> {
  try {
    const { state, exitStatus } = await readStat(pid);
    return state === "Z" ? exitStatus : undefined;
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}
