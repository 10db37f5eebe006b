/**
 * /proc/PID/status: what a process is and may do, a line for each fact
 * (proc_pid_status(5)).
 *
 * @module
 */

import { readProcText } from "./file.ts";

/** What a process may do beyond or below its user's rights. Plain data. */
export interface Confinement {
  /** Sets of capabilities: hexadecimal, 64 bits. */
  readonly inheritable: string;
  readonly permitted: string;
  readonly effective: string;
  readonly bounding: string;
  readonly ambient: string;
  readonly noNewPrivileges: boolean;
}

/** A process, or one of its threads. */
export interface ProcessStatus {
  /** Real, effective, saved and file system ones. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** The strictest where the process has ended. */
  readonly umask: number;
  readonly confinement: Confinement;
  /** Before Linux 5.9, which tells no number, 1 stands for any. */
  readonly seccompFilters: number;
  /** Its id in this process's pid namespace, and in each one down to its own. */
  readonly ids: readonly number[];
  /** Bytes of memory that it shares with no other, and of its page tables. */
  readonly ownBytes: number;
}

/** Seccomp: with filters, and not merely strict. */
const FILTERED = "2";

/** @throws {Error} where a line is missing */
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
    throw new Error(`No "${name}" in /proc/PID/status`);
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
    ownBytes: bytes("RssAnon") + bytes("VmPTE"),
  };
}

/** Reads the status of a process. */
export async function readStatus(pid: number): Promise<ProcessStatus> {
  return parseStatus(await readProcText(pid, "status"));
}

/**
 * The same, at once: the kernel keeps all of it itself.
 *
 * @param folder in /proc
 */
export function readStatusSync(
  folder: number | "self" | "thread-self" | `${number}/task/${number}`,
): ProcessStatus {
  return parseStatus(Deno.readTextFileSync(`/proc/${folder}/status`));
}
