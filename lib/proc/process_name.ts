/** Processes, named for good: a pid alone is used again. */

import { PidFd } from "../../ffi/process.ts";
import { readStat } from "./stat.ts";
import { ifThere, ifThereSync } from "../gone.ts";

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
  return (await ifThere(readStat(pid)))?.startTime === startTime;
}

/** A descriptor of that very process; undefined where it has ended, also unreaped. */
export async function openNamed(
  name: ProcessName,
): Promise<PidFd | undefined> {
  using stack = new DisposableStack();
  const process = stack.use(ifThereSync(() => PidFd.open(name.pid)));
  if (!await isThere(name) || process?.hasExited()) return undefined;
  stack.move();
  return process;
}
