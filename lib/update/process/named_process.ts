/** Processes, named for good: a pid alone is used again. */

import { OsError } from "../../../ffi/libc.ts";
import { PidFd } from "../../../ffi/process.ts";
import { isGone, readStartTime } from "./proc.ts";

/** Which process is meant. */
export interface ProcessName {
  readonly pid: number;
  /** In clock ticks since the host's boot. */
  readonly startTime: string;
}

/** Whether that very process is still there. */
export async function isThere(
  { pid, startTime }: ProcessName,
): Promise<boolean> {
  try {
    return await readStartTime(pid) === startTime;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** A descriptor of that very process; undefined where it has ended, also unreaped. */
export async function openNamed(
  name: ProcessName,
): Promise<PidFd | undefined> {
  using stack = new DisposableStack();
  try {
    const process = stack.use(PidFd.open(name.pid));
    if (!await isThere(name) || process.hasExited()) return undefined;
    stack.move();
    return process;
  } catch (error) {
    if (error instanceof OsError && error.code === "ESRCH") return undefined;
    throw error;
  }
}
