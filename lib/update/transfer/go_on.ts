/** Resumes the VM on the source of a cpr-transfer. */

import {
  type QmpClient,
  QmpCommandError,
  QmpTimeoutError,
} from "../../qmp/mod.ts";
import { queryMigrate, queryStatus } from "../../qmp/queries.ts";
import type { Deadline } from "../deadline.ts";
import type { VmRecord } from "../vm/facts.ts";
import { activateImages, notLocked } from "../vm/images.ts";
import {
  AFTER_MIGRATION,
  isLive,
  runPhrase,
  stoppedPhrase,
} from "../vm/run_state.ts";

/** The states of a migration that is over. */
const OVER = ["none", "completed", "failed", "cancelled"];
/** Between two attempts; an event ends the wait. */
const RETRY_MS = 5;

/** How the VM is on the source. */
interface OnSource {
  /** Whether the guest runs, or is suspended with its clock running. */
  readonly isLive: boolean;
  /** Completes "the VM". */
  readonly how: string;
  readonly warnings: readonly string[];
}

/**
 * Cancels the migration if it is in progress. Resumes the guest if it ran
 * before and the migration has stopped it, but not if a client or the guest
 * itself did. The destination must be unable to run the guest; while it has a
 * lock on an image, the guest waits.
 *
 * @throws {QmpError} when the source does not answer, or refuses to resume
 */
export async function goOn(
  client: QmpClient,
  before: VmRecord,
  limit: Deadline,
): Promise<OnSource> {
  const monitor = client.within(() => limit.left());
  using watch = client.watch(["MIGRATION", "RESUME"]);
  for (;;) {
    const [{ status: migration = "none" }, { running, status }] = await Promise
      .all([queryMigrate(monitor), queryStatus(monitor)]);
    const isOver = OVER.includes(migration) && status !== "finish-migrate";
    if (isOver) {
      const now = { running, runState: status };
      const how = running ? "runs" : stoppedPhrase(status, before);
      const isDone = running || status !== AFTER_MIGRATION;
      if (isDone && isLive(before)) {
        return { isLive: isLive(now), how, warnings: [] };
      }
      if (!isLive(before)) {
        const warnings = running ? [] : await keepStopped(client, before);
        return { isLive: running, how, warnings };
      }
    }
    try {
      await monitor.execute(isOver ? "cont" : "migrate_cancel");
      if (isOver) {
        return { isLive: true, how: runPhrase(before), warnings: [] };
      }
    } catch (error) {
      // The migration may be ending by itself, or an image be released soon.
      const mayPass = error instanceof QmpCommandError && limit.left() > 0;
      if (!mayPass) throw error;
    }
    try {
      const timeoutMs = limit.left(RETRY_MS);
      await watch.next(() => true, { timeoutMs });
    } catch (error) {
      if (!(error instanceof QmpTimeoutError)) throw error;
    }
  }
}

async function keepStopped(
  client: QmpClient,
  { imagesActive }: VmRecord,
): Promise<string[]> {
  const problem = imagesActive ? await activateImages(client) : undefined;
  return problem === undefined ? [] : [notLocked(problem)];
}
