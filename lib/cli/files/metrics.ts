/** The metrics in a file. */

import { CprctlError } from "../../errors.ts";
import type { HostList } from "../../update/host/list.ts";
import { History, renderMetrics } from "../../update/metrics/mod.ts";
import type { Report } from "../../update/report/report.ts";
import { fileBehind, replaceFile, UnwrittenFileError } from "./replace.ts";

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
    const target = await fileBehind(path);
    using folder = await Deno.open(target.replace(/[^/]*$/, "") || ".");
    await lock(folder);
    const history = History.read(await textOf(target));
    for (const report of reports) history.add(report, new Date());
    await replaceFile(target, renderMetrics(host, history));
  } catch (error) {
    throw new UnwrittenFileError("metrics-file", path, error);
  }
}

/** The lock ends with the open folder: no file is left for it. */
async function lock(folder: Deno.FsFile): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new CprctlError(
    "metrics-locked",
    "Another process holds the lock of its folder",
  );
  const timer = setTimeout(() => reject(late), LOCK_TIMEOUT_MS);
  try {
    await Promise.race([folder.lock(true), promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function textOf(path: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_BYTES) throw new RangeError(`It has ${size} bytes`);
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
