/** The metrics in a file. */

import { readForeignFile } from "../../../ffi/foreign_file.ts";
import { ifThereSync } from "../../gone.ts";
import { CprctlError } from "../../errors.ts";
import type { HostList } from "../../update/host/list.ts";
import { History, renderMetrics } from "../../update/metrics/mod.ts";
import type { Report } from "../../update/report/report.ts";
import { replaceFile, UnwrittenFileError } from "./replace.ts";

/** Another cprctl writes the file in no time. */
const LOCK_TIMEOUT_MS = 5_000;
/** A few thousand VMs; what is larger is not the metrics of one host. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Writes what is known of a host's VMs, and of their updates, those that the
 * file tells of included. Of those who do so at once, one waits for the other.
 *
 * @param reports updates that have just ended
 * @throws {UnwrittenFileError}
 */
export async function writeMetricsFile(
  path: string,
  reports: readonly Report[],
  host: HostList,
): Promise<void> {
  try {
    using folder = await Deno.open(path.replace(/[^/]*$/, "") || ".");
    await lock(folder);
    const history = History.read(textOf(path));
    for (const report of reports) history.add(report, new Date());
    await replaceFile(path, renderMetrics(host, history));
  } catch (error) {
    throw new UnwrittenFileError("metrics-file", path, error);
  }
}

/** The lock ends with the open folder: no file is left for it. */
async function lock(folder: Deno.FsFile): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new CprctlError(
    "metrics-locked",
    "Another process has its folder locked",
  );
  const timer = setTimeout(() => reject(late), LOCK_TIMEOUT_MS);
  try {
    await Promise.race([folder.lock(true), promise]);
  } finally {
    clearTimeout(timer);
  }
}

function textOf(path: string): string {
  const bytes = ifThereSync(() => readForeignFile(path, MAX_BYTES));
  return new TextDecoder().decode(bytes);
}
