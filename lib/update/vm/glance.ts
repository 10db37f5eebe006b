/** What a VM runs on at this moment, asked before and after an update. */

import { readStat } from "../../proc/stat.ts";
import { isGone } from "../../gone.ts";
import { UnreadableError } from "../../bounded_file.ts";
import { type QmpAddress, QmpClient, QmpError } from "../../qmp/mod.ts";
import { queryStatus } from "../../qmp/types/mod.ts";
import { readCommandLine } from "../../proc/cmdline.ts";
import { type Executable, readExecutable } from "../../proc/executable.ts";
import { versionText } from "./facts.ts";

/** A VM's process as it is. */
export interface Glance {
  readonly pid: number;
  /** With the pid, names the process for good. */
  readonly startTime: string;
  readonly version: string;
  readonly executable: Executable;
  readonly argv: readonly string[];
  readonly running: boolean;
}

/** A monitor that answers at all does so at once. */
const TIMEOUT_MS = 5_000;

/**
 * Looks at a VM.
 *
 * @returns undefined where its monitor or its process does not answer
 */
export async function glance(
  address: QmpAddress,
): Promise<Glance | undefined> {
  try {
    await using client = await QmpClient.connectAgain(address, {
      timeoutMs: TIMEOUT_MS,
    });
    const pid = client.peer?.pid;
    if (pid === undefined) return undefined;
    const { running } = await queryStatus(client);
    const [{ startTime }, executable, argv] = await Promise.all([
      readStat(pid),
      readExecutable(pid),
      readCommandLine(pid),
    ]);
    return {
      pid,
      startTime,
      version: versionText(client.version),
      executable,
      argv,
      running,
    };
  } catch (error) {
    const silent = error instanceof QmpError ||
      isGone(error) || error instanceof UnreadableError ||
      error instanceof Deno.errors.PermissionDenied;
    if (!silent) throw error;
    return undefined;
  }
}
