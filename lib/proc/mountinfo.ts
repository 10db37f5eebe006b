/**
 * /proc/PID/mountinfo: the mounts that a process sees, one per line
 * (proc_pid_mountinfo(5)):
 *
 * ```
 * id parent major:minor root point options [tags] - type source options
 * ```
 *
 * @module
 */

import { readProcText } from "./file.ts";

/** Enough for the 100,000 mounts that the kernel allows. */
const MAXIMUM_MOUNTS = 32 * 1024 * 1024;

/** A mount. */
export interface Mount {
  /** The directory of the file system that is visible at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of the file system, such as "hugetlbfs". */
  readonly type: string;
  /** Of the file system, separated by commas. */
  readonly options: string;
}

/** Missing fields are empty. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root = "", point = ""] = left.split(" ");
    const [type = "", , options = ""] = right.split(" ");
    return { root: unescape(root), mountPoint: unescape(point), type, options };
  });
}

/** Reads the mounts that a process sees. */
export async function readMountinfo(pid: number): Promise<Mount[]> {
  return parseMountinfo(await readProcText(pid, "mountinfo", MAXIMUM_MOUNTS));
}

/** The kernel escapes space, tab, line feed and backslash in octal. */
function unescape(path: string): string {
  return path.replaceAll(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
