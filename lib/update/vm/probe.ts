/** Probes a VM before and after an update. */

import { isHidden } from "../../proc/file.ts";
import { readStat } from "../../proc/stat.ts";
import {
  type Patience,
  type QmpAddress,
  QmpClient,
  QmpError,
} from "../../qmp/mod.ts";
import { queryStatus } from "../../qmp/queries.ts";
import { readCommandLine } from "../../proc/cmdline.ts";
import { readExecutable } from "../../proc/executable.ts";
import { CONNECT_TIMEOUT_MS } from "../deadline.ts";
import { type Facts, versionText } from "./facts.ts";

/** A VM's process at one moment. */
export interface Observation
  extends Pick<Facts, "pid" | "startTime" | "executable" | "argv" | "running"> {
  readonly version: string;
}

/** Observes a VM by its monitor; see {@linkcode probe}. */
export async function probeVm(
  address: QmpAddress,
): Promise<Observation | undefined> {
  return await probe((patience) => QmpClient.connectAgain(address, patience));
}

/**
 * Observes a VM.
 *
 * @param connect to its monitor
 * @returns undefined if its monitor does not answer, or its process may not be
 * examined
 */
export async function probe(
  connect: (patience: Patience) => Promise<QmpClient>,
): Promise<Observation | undefined> {
  try {
    await using client = await connect({ timeoutMs: CONNECT_TIMEOUT_MS });
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
    if (error instanceof QmpError || isHidden(error)) return undefined;
    throw error;
  }
}
