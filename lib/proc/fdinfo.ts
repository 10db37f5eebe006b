/**
 * /proc/PID/fdinfo/N: details of a descriptor (proc_pid_fdinfo(5)). These lines
 * are read:
 *
 * ```
 * flags:      02100002        octal
 * lock:       1: OFDLCK …     as in /proc/locks
 * tty-index:  3               for the master of a pseudo-terminal
 * iff:        tap0            for /dev/net/tun
 * ```
 *
 * @module
 */

import { O_CLOEXEC } from "../../ffi/open_flags.ts";
import { ifThere } from "../gone.ts";
import { readProcText } from "./file.ts";
import { type FileLock, parseLocks } from "./locks.ts";

/** A descriptor. */
export interface DescriptorInfo {
  /** Flags of open(2). */
  readonly flags: number;
  /** Whether exec closes it. */
  readonly closesOnExec: boolean;
  /** Locks that are held through it. */
  readonly locks: readonly FileLock[];
  /** Number of the pseudo-terminal, if it is the master of one. */
  readonly terminal: number | undefined;
  /** Name of the tap interface, if it belongs to one. */
  readonly interface: string | undefined;
}

/** Parses the text; missing lines are optional. */
export function parseFdinfo(text: string): DescriptorInfo {
  const [, octal = "0"] = /^flags:\s*([0-7]+)$/m.exec(text) ?? [];
  const flags = Number.parseInt(octal, 8);
  const terminal = /^tty-index:\s*(\d+)$/m.exec(text)?.[1];
  return {
    flags,
    closesOnExec: (flags & O_CLOEXEC) !== 0,
    locks: parseLocks(text),
    terminal: terminal === undefined ? undefined : Number(terminal),
    interface: /^iff:\t(.+)$/m.exec(text)?.[1],
  };
}

/** Undefined if the descriptor is not open. */
export async function readFdinfo(
  pid: number,
  descriptor: number,
): Promise<DescriptorInfo | undefined> {
  const text = await ifThere(readProcText(pid, `fdinfo/${descriptor}`));
  return text === undefined ? undefined : parseFdinfo(text);
}

/** The same, synchronously: the kernel has all of it and never waits. */
export function readFdinfoSync(
  pid: number,
  descriptor: number,
): DescriptorInfo {
  return parseFdinfo(
    Deno.readTextFileSync(`/proc/${pid}/fdinfo/${descriptor}`),
  );
}
