/**
 * /proc/PID/status: identity and rights of a process, one fact per line
 * (proc_pid_status(5)).
 *
 * @module
 */

import { readProcText } from "./file.ts";

/** The rights of a process beyond or below those of its user. Plain data. */
export interface Confinement {
  /** Capability sets: hexadecimal, 64 bits. */
  readonly inheritable: string;
  readonly permitted: string;
  readonly effective: string;
  readonly bounding: string;
  readonly ambient: string;
  readonly noNewPrivileges: boolean;
}

/** A process, or one of its threads. */
export interface ProcessStatus {
  /** Real, effective, saved and file system ids. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** The strictest if the process has ended. */
  readonly umask: number;
  readonly confinement: Confinement;
  /** Before Linux 5.9 the number is unknown: 1 stands for any. */
  readonly seccompFilters: number;
  /** Its id in our pid namespace, and in each nested one down to its own. */
  readonly ids: readonly number[];
  /** No descriptor ever had this number, or a higher one. */
  readonly descriptorSlots: number;
  /** Bytes of its private memory and of its page tables. */
  readonly ownBytes: number;
  /** Bytes of all memory that it uses, also of what was swapped out. */
  readonly residentBytes: number;
}

/** Value of Seccomp for filters; 1 is strict mode. */
const FILTERED = "2";

/** @throws {Error} when a line is missing */
export function parseStatus(text: string): ProcessStatus {
  const lines = new Map(
    text.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const line = (name: string) => {
    const value = lines.get(name);
    if (value !== undefined) return value;
    throw new Error(`Cannot read "${name}" of /proc/PID/status`);
  };
  const numbers = (value: string) => (value.match(/\d+/g) ?? []).map(Number);
  const bytes = (name: string) =>
    1024 * Number.parseInt(lines.get(name) ?? "0");
  return {
    uids: numbers(line("Uid")),
    gids: numbers(line("Gid")),
    groups: numbers(line("Groups")),
    umask: Number.parseInt(lines.get("Umask") ?? "0777", 8),
    confinement: {
      inheritable: line("CapInh"),
      permitted: line("CapPrm"),
      effective: line("CapEff"),
      bounding: line("CapBnd"),
      ambient: line("CapAmb"),
      noNewPrivileges: line("NoNewPrivs") === "1",
    },
    seccompFilters: lines.get("Seccomp") === FILTERED
      ? Number(lines.get("Seccomp_filters") ?? 1)
      : 0,
    ids: numbers(lines.get("NSpid") ?? ""),
    descriptorSlots: Number(lines.get("FDSize") ?? 0),
    ownBytes: bytes("RssAnon") + bytes("VmPTE"),
    residentBytes: bytes("VmRSS") + bytes("VmSwap"),
  };
}

/** Reads the status of a process. */
export async function readStatus(pid: number): Promise<ProcessStatus> {
  return parseStatus(await readProcText(pid, "status"));
}

/**
 * The same, synchronously: the kernel has all of it and never waits.
 *
 * @param folder in /proc
 */
export function readStatusSync(
  folder: number | "self" | "thread-self" | `${number}/task/${number}`,
): ProcessStatus {
  return parseStatus(Deno.readTextFileSync(`/proc/${folder}/status`));
}
