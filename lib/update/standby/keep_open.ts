/**
 * Has a process keep descriptors open over its next exec, by a process of its
 * own: it has to trace the other one, and would hang in the kernel if that one
 * hangs in an exec. Then it is killed, which also ends the tracing.
 *
 * @module
 */

import { keepOpenOverExec } from "../../../ffi/open_over_exec.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { runBriefly } from "../../brief_run.ts";
import { readFdinfo } from "../../proc/fdinfo.ts";
import { UpdateProblem } from "../error.ts";
import { KEEP_OPEN_WORD } from "./words.ts";

/** For what it says, in UTF-16 units. */
const MAXIMUM_TEXT = 4096;

/**
 * Has the process keep them open.
 *
 * @param self the command that starts cprctl itself
 * @throws {UpdateProblem} when exec would still close one
 */
export async function requireKeptOpen(
  pid: number,
  descriptors: readonly number[],
  self: readonly string[],
): Promise<void> {
  const [program = "", ...args] = [
    ...[...self, KEEP_OPEN_WORD, `${pid}`],
    ...descriptors.map(String),
  ];
  const { text, failure } = await runBriefly(program, {
    ...{ args, output: "stderr", maximum: MAXIMUM_TEXT },
    // It is cprctl itself, so it keeps our environment.
    start: ({ argv, descriptors }) =>
      spawn(argv, { descriptors, newSession: true }),
  });
  for (const number of descriptors) {
    if ((await readFdinfo(pid, number))?.closesOnExec === false) continue;
    throw new UpdateProblem(
      "not-kept-open",
      `Exec would close descriptor ${number} of process ${pid}: ` +
        (text.trim() || failure || "its process has changed it"),
      { remedy: "Run cprctl as root, and end debuggers of that process" },
    );
  }
}

/**
 * Does it: the main thread of the process is stopped for less than a
 * millisecond.
 *
 * @param args the pid of the process, and the numbers of its descriptors
 * @returns the exit code
 * @throws {OsError} as {@linkcode keepOpenOverExec} does
 */
export function keepOpen(args: readonly string[]): number {
  const [pid = 0, ...descriptors] = args.map(Number);
  keepOpenOverExec(pid, descriptors);
  return 0;
}
