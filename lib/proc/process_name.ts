/** Names of processes that are never reused, unlike pids. */

import { PidFd } from "../../ffi/process.ts";
import { readStat } from "./stat.ts";
import { ifThere, ifThereSync } from "../gone.ts";

/** Identifies a process. */
export interface ProcessName {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: string;
}

/** Whether that process still exists. */
export async function isThere(
  { pid, startTime }: ProcessName,
): Promise<boolean> {
  return (await ifThere(readStat(pid)))?.startTime === startTime;
}

/** A pidfd of that process; undefined if it has ended, even if not yet reaped. */
export async function openNamed(name: ProcessName): Promise<PidFd | undefined> {
  using stack = new DisposableStack();
  const process = stack.use(ifThereSync(() => PidFd.open(name.pid)));
  if (!await isThere(name) || process?.hasExited()) return undefined;
  stack.move();
  return process;
}
