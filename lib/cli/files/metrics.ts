/** Writes the metrics file. */

import { readForeignFile } from "../../../ffi/foreign_file.ts";
import { ifThereSync } from "../../gone.ts";
import { CprctlError } from "../../errors.ts";
import { folderOf } from "../../path.ts";
import { within } from "../../qmp/deadline.ts";
import type { HostList } from "../../update/host/list.ts";
import { History } from "../../update/metrics/history.ts";
import { renderMetrics } from "../../update/metrics/metrics.ts";
import type { Report } from "../../update/report/report.ts";
import { replaceFile, UnwrittenFileError } from "./replace.ts";

/** While another cprctl writes the file. */
const LOCK_TIMEOUT_MS = 5_000;
/** More than the metrics of a few thousand VMs. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Writes the metrics of a host's VMs and their updates, including the history
 * in the file. Concurrent writers are serialized by a lock.
 *
 * @param reports the updates that have just ended
 * @throws {UnwrittenFileError}
 */
export async function writeMetricsFile(
  path: string,
  reports: readonly Report[],
  host: HostList,
): Promise<void> {
  try {
    using folder = await Deno.open(folderOf(path));
    await lock(folder);
    const history = History.read(textOf(path));
    for (const report of reports) history.add(report, new Date());
    const text = renderMetrics(host, history);
    // It could not be read again; the history would be lost.
    if (text.length > MAX_BYTES) throw tooManyVms(host);
    await replaceFile(path, text);
  } catch (error) {
    throw new UnwrittenFileError("metrics-file", path, error);
  }
}

function tooManyVms({ vms }: HostList): CprctlError {
  return new CprctlError(
    "metrics-too-long",
    `The metrics of ${vms.length} VMs have more than ${MAX_BYTES} bytes`,
  );
}

/** Locks the directory itself, so that no lock file is left. */
async function lock(folder: Deno.FsFile): Promise<void> {
  const late = () =>
    new CprctlError(
      "metrics-locked",
      "Another process has locked its folder",
    );
  await within(folder.lock(true), { timeoutMs: LOCK_TIMEOUT_MS }, late);
}

function textOf(path: string): string {
  const bytes = ifThereSync(() => readForeignFile(path, MAX_BYTES));
  return new TextDecoder().decode(bytes);
}
