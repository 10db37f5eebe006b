/** What the new command line depends on, besides the running one. @module */

import { type Mount, readMountinfo } from "../../proc/mountinfo.ts";
import { readFdinfo } from "../../proc/fdinfo.ts";
import { readDescriptors } from "../../proc/descriptors.ts";

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

const TUN = "/dev/net/tun";
const HUGE_PAGES = "hugetlbfs";

/** Looks at a process. */
export async function readLiveProcess(pid: number): Promise<LiveProcess> {
  const [taps, mounts] = await Promise.all([
    readTaps(pid),
    readMountinfo(pid),
  ]);
  return { taps, hugePageMounts: hugePageMounts(mounts) };
}

async function readTaps(pid: number): Promise<TapQueue[]> {
  const taps: TapQueue[] = [];
  const links = [...await readDescriptors(pid)].sort(([a], [b]) => a - b);
  for (const [descriptor, link] of links) {
    if (link !== TUN) continue;
    const info = await readFdinfo(pid, descriptor);
    if (info?.interface === undefined) continue; // it belongs to none yet
    const { interface: name, closesOnExec } = info;
    taps.push({ descriptor, interface: name, closesOnExec });
  }
  return taps;
}

/** Where file systems of huge pages are mounted. */
export function hugePageMounts(mounts: readonly Mount[]): string[] {
  return mounts.filter(({ type }) => type === HUGE_PAGES)
    .map(({ mountPoint }) => mountPoint);
}
