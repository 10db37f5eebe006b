/** What the kernel makes of a thread's priority and of a boost. */

import { OwnPriority } from "../../../lib/update/process/own_priority.ts";

/**
 * The priority that a thread has now: 20 and its niceness, or -1 and its
 * real-time priority below; 20 for one that nothing was given.
 */
export function priorityNow(tid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${tid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[15]);
}

/** What a thread has that was boosted to priority 1 of real time. */
export const BOOSTED = -2;

/** Whether this user may raise a priority. */
export function mayRaise(): boolean {
  using own = OwnPriority.raise();
  return own !== undefined;
}
