/** What is mounted where, in a process's own view. @module */

/** A line of /proc/PID/mountinfo. */
export interface Mount {
  /** The folder of the file system that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of the file system, such as "hugetlbfs". */
  readonly type: string;
  /** Of the file system, with commas between. */
  readonly options: string;
}

/** Reads the text of /proc/PID/mountinfo. */
export function parseMounts(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    // id parent major:minor root point options [tags] - type source options
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

/** Space, tab, line feed and backslash are octal there. */
function unescape(path: string): string {
  return path.replaceAll(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
