/**
 * /proc/PID/fdinfo/N: what the kernel says of a descriptor, as far as it is told
 * apart here (proc_pid_fdinfo(5)):
 *
 * ```
 * flags:      02100002        octal
 * lock:       1: OFDLCK …     as in /proc/locks
 * tty-index:  3               of the master of a pseudo-terminal
 * iff:        tap0            of /dev/net/tun
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
  /** What is locked by it. */
  readonly locks: readonly FileLock[];
  /** Number of the pseudo-terminal of which it is the master. */
  readonly terminal: number | undefined;
  /** Name of the tap interface to which it belongs. */
  readonly interface: string | undefined;
}

/** Reads the text; what is not in it is not there. */
export function parseFdinfo(text: string): DescriptorInfo {
  const flags = Number.parseInt(
    /^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? "0",
    8,
  );
  const terminal = /^tty-index:\s*(\d+)$/m.exec(text)?.[1];
  return {
    flags,
    closesOnExec: (flags & O_CLOEXEC) !== 0,
    locks: parseLocks(text),
    terminal: terminal === undefined ? undefined : Number(terminal),
    interface: /^iff:\t(.+)$/m.exec(text)?.[1],
  };
}

/** Undefined where the descriptor is not open. */
export async function readFdinfo(
  pid: number,
  descriptor: number,
): Promise<DescriptorInfo | undefined> {
  const text = await ifThere(readProcText(pid, `fdinfo/${descriptor}`));
  return text === undefined ? undefined : parseFdinfo(text);
}

/** The same, at once: the kernel keeps all of it itself. */
export function readFdinfoSync(
  pid: number,
  descriptor: number,
): DescriptorInfo {
  return parseFdinfo(
    Deno.readTextFileSync(`/proc/${pid}/fdinfo/${descriptor}`),
  );
}
