/** What the new command line depends on, besides the running one. @module */

import { parseMounts } from "../process/mounts.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import { readProcText } from "../../proc/file.ts";

/** A descriptor of a tap interface: one queue of it. */
export interface TapQueue {
  readonly descriptor: number;
  /** Name of the interface. */
  readonly interface: string;
  /** Whether exec closes it. */
  readonly closesOnExec: boolean;
}

/** What /proc tells of a process. */
export interface LiveProcess {
  /** In the order in which they were opened. */
  readonly taps: readonly TapQueue[];
  /** Where file systems of huge pages are mounted. */
  readonly hugePageMounts: readonly string[];
}

/** Enough for the 100,000 mounts that the kernel allows. */
const MAXIMUM_MOUNTS = 32 * 1024 * 1024;
const TUN = "/dev/net/tun";
const O_CLOEXEC = 0o2000000;
const HUGE_PAGES = "hugetlbfs";

/** Looks at a process. */
export async function readLiveProcess(pid: number): Promise<LiveProcess> {
  const [taps, mounts] = await Promise.all([
    readTaps(pid),
    readProcText(pid, "mountinfo", MAXIMUM_MOUNTS),
  ]);
  return { taps, hugePageMounts: hugePageMounts(mounts) };
}

async function readTaps(pid: number): Promise<TapQueue[]> {
  const taps: TapQueue[] = [];
  const links = [...await readDescriptors(pid)].sort(([a], [b]) => a - b);
  for (const [descriptor, link] of links) {
    if (link !== TUN) continue;
    const info = await readProcText(pid, `fdinfo/${descriptor}`);
    const queue = parseTapQueue(descriptor, info);
    if (queue !== undefined) taps.push(queue);
  }
  return taps;
}

/**
 * Reads /proc/PID/fdinfo of a descriptor of /dev/net/tun; undefined if it
 * belongs to no interface yet.
 */
export function parseTapQueue(
  descriptor: number,
  info: string,
): TapQueue | undefined {
  const name = /^iff:\t(.+)$/m.exec(info)?.[1];
  if (name === undefined) return undefined;
  const flags = /^flags:\t([0-7]+)$/m.exec(info)?.[1] ?? "0";
  return {
    descriptor,
    interface: name,
    closesOnExec: (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0,
  };
}

/** Reads /proc/PID/mountinfo. */
export function hugePageMounts(mountinfo: string): string[] {
  return parseMounts(mountinfo).filter(({ type }) => type === HUGE_PAGES)
    .map(({ mountPoint }) => mountPoint);
}
