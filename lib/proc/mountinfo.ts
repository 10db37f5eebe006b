/**
 * /proc/PID/mountinfo: what is mounted where, in a process's own view, a line
 * each (proc_pid_mountinfo(5)):
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
  /** The folder of the file system that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of the file system, such as "hugetlbfs". */
  readonly type: string;
  /** Of the file system, with commas between. */
  readonly options: string;
}

/** What a line does not have is empty. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root = "", point = ""] = left.split(" ");
    const [type = "", , options = ""] = right.split(" ");
    return {
      root: unescape(root),
      mountPoint: unescape(point),
      type,
      options,
    };
  });
}

/** Reads the mounts that a process sees. */
export async function readMountinfo(pid: number): Promise<Mount[]> {
  return parseMountinfo(await readProcText(pid, "mountinfo", MAXIMUM_MOUNTS));
}

/** Space, tab, line feed and backslash are octal there. */
function unescape(path: string): string {
  return path.replaceAll(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
