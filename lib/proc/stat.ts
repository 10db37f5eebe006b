/**
 * /proc/PID/stat: 52 fields in a line, as proc_pid_stat(5) numbers them.
 *
 * ```
 * pid (name) state parent …
 * ```
 *
 * The name may contain anything, but the last ")" ends it.
 *
 * @module
 */

import { readProcText } from "./file.ts";

/** What the kernel says of a process. */
export interface ProcessStat {
  /** What it does, as a letter, such as "R", "S", or "Z" where it has ended. */
  readonly state: string;
  readonly parent: number;
  /**
   * When it began, in clock ticks since the host's boot. Together with the pid
   * it names a process for good: pids are used again.
   */
  readonly startTime: string;
  /**
   * Where it has its program, stack, words and environment: an exec lays them
   * out anew, and nothing else does.
   */
  readonly image: string;
  /** What it ended with, as wait(2) tells it. */
  readonly exitStatus: number;
}

const IMAGE = [26, 27, 28, 45, 46, 48, 49, 50, 51];

/** @throws {Error} where a field is missing */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).trimEnd().split(" ");
  const field = (number: number) => {
    const value = fields[number - 3];
    if (value) return value;
    throw new Error(`Cannot read field ${number} of /proc/PID/stat`);
  };
  return {
    state: field(3),
    parent: Number(field(4)),
    startTime: field(22),
    image: IMAGE.map(field).join(" "),
    exitStatus: Number(field(52)),
  };
}

/** Whether a signal or a debugger has stopped a process. */
export function isStopped({ state }: ProcessStat): boolean {
  return state === "T" || state === "t";
}

/** Reads what the kernel says of a process, or of one of its threads. */
export async function readStat(
  pid: number,
  thread?: number,
): Promise<ProcessStat> {
  const name = thread === undefined ? "stat" : `task/${thread}/stat`;
  return parseStat(await readProcText(pid, name));
}

/** The same, at once: the kernel keeps all of it itself. */
export function readStatSync(pid: number): ProcessStat {
  return parseStat(Deno.readTextFileSync(`/proc/${pid}/stat`));
}
