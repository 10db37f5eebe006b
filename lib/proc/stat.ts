/**
 * /proc/PID/stat: one line of 52 fields, numbered as in proc_pid_stat(5).
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

/** What is read of a process. */
export interface ProcessStat {
  /** Its state as a letter, such as "R" or "S"; "Z" once it has ended. */
  readonly state: string;
  readonly parent: number;
  /**
   * When it was started, in clock ticks since boot. With the pid it identifies the
   * process: pids are reused.
   */
  readonly startTime: string;
  /**
   * Addresses of its program, stack, words and environment: only an exec changes
   * them.
   */
  readonly image: string;
  /** Its wait status, as wait(2) returns it. */
  readonly exitStatus: number;
}

const IMAGE = [26, 27, 28, 45, 46, 48, 49, 50, 51];

/** @throws {Error} when a field is missing */
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

/** Reads the line of a process. */
export async function readStat(pid: number): Promise<ProcessStat> {
  return parseStat(await readProcText(pid, "stat"));
}

/**
 * The same, or of one of its threads, synchronously: the kernel has all of it
 * and never waits.
 */
export function readStatSync(pid: number, thread?: number): ProcessStat {
  const name = thread === undefined ? "stat" : `task/${thread}/stat`;
  return parseStat(Deno.readTextFileSync(`/proc/${pid}/${name}`));
}
