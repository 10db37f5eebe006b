/**
 * Measures from outside how long a guest is stopped while a command runs. It
 * asks no monitor: what QEMU says of the downtime can be compared with it.
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import { PidFd } from "../../../ffi/process.ts";
import { CprctlError } from "../../errors.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import { sleep } from "../../sleep.ts";
import { OwnPriority } from "../process/own_priority.ts";
import { findChangingWord, wordAt } from "./changing_word.ts";

/** Between two reads of the word. */
const INTERVAL_MS = 0.2;
/** After that the event loop runs, which notices the command's end. */
const BURST_MS = 20;

/** What was measured; in milliseconds. */
export interface StandStill {
  /** The longest time without a change in the guest's RAM. */
  readonly longestMs: number;
  /** How often it changes while the guest runs: the precision of the above. */
  readonly everyMs: number;
  readonly command: Deno.CommandStatus;
}

/**
 * Runs a command, with this process's standard streams.
 *
 * @throws {CprctlError} when the guest's RAM cannot be read, or does not change
 */
export async function measureStandStill(
  pid: number,
  [program = "", ...args]: readonly string[],
): Promise<StandStill> {
  using ram = await openRam(pid);
  const { offset, everyMs } = await findChangingWord(ram);
  const child = new Deno.Command(program, { args }).spawn();
  let command: Deno.CommandStatus | undefined;
  child.status.then((status) => command = status);
  // An update gives QEMU this priority, and would keep us from reading.
  using _priority = OwnPriority.raise();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let [last, changedAt, longestMs] = [
    wordAt(ram, offset),
    performance.now(),
    0,
  ];
  while (command === undefined) {
    const end = performance.now() + BURST_MS;
    for (let now = performance.now(); now < end; now = performance.now()) {
      const word = wordAt(ram, offset);
      if (word !== last) {
        longestMs = Math.max(longestMs, now - changedAt);
        [last, changedAt] = [word, now];
      }
      // A timer of the event loop is five times as coarse.
      Atomics.wait(sleeper, 0, 0, INTERVAL_MS);
    }
    await sleep(0);
  }
  longestMs = Math.max(longestMs, performance.now() - changedAt);
  return { longestMs, everyMs: Math.max(everyMs, INTERVAL_MS), command };
}

/** The largest of the files that a VM's shared memory is in. */
async function openRam(pid: number): Promise<Fd> {
  using process = PidFd.open(pid);
  using candidates = new DisposableStack();
  let largest: Fd | undefined;
  for (const [number, target] of await readDescriptors(pid)) {
    if (!target.startsWith("/memfd:")) continue;
    const fd = candidates.use(process.getFd(number));
    if (fd.stat().size > (largest?.stat().size ?? 0)) largest = fd;
  }
  if (largest !== undefined) return largest.dup();
  throw new CprctlError(
    "memory-backends",
    `Process ${pid} has no RAM in a memfd, so it cannot be measured`,
    { remedy: `Run cprctl prepare to see what a VM must be started with` },
  );
}
