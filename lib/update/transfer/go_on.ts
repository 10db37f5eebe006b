/** Has the source of a cpr-transfer go on with the VM. */

import {
  type QmpClient,
  QmpCommandError,
  QmpTimeoutError,
} from "../../qmp/mod.ts";
import { queryMigrate, queryStatus } from "../../qmp/queries.ts";
import type { Deadline } from "../deadline.ts";
import type { VmRecord } from "../vm/facts.ts";
import { activateImages, notLocked } from "../vm/images.ts";
import { isLive, isReachedByGuest } from "../vm/run_state.ts";

/** The states of a migration that is over. */
const OVER = ["none", "completed", "failed", "cancelled"];
/** Between two attempts; an event ends the wait. */
const RETRY_MS = 20;

/**
 * Cancels the migration if it is under way, and resumes the guest if it ran
 * before. The destination must have ended: only then is no lock of an image in
 * the way, and no second program can run the guest.
 *
 * @returns warnings
 * @throws {QmpError} when the source does not answer, or refuses to resume
 */
export async function goOn(
  client: QmpClient,
  before: VmRecord,
  limit: Deadline,
): Promise<string[]> {
  const monitor = client.within(() => limit.left());
  using watch = client.watch(["MIGRATION", "RESUME"]);
  for (;;) {
    const { status: migration = "none" } = await queryMigrate(monitor);
    const { running, status } = await queryStatus(monitor);
    const isOver = OVER.includes(migration) && status !== "finish-migrate";
    if (isOver) {
      if (!isLive(before)) return await keepStopped(client, before);
      if (running || isReachedByGuest(status)) return [];
    }
    try {
      await monitor.execute(isOver ? "cont" : "migrate_cancel");
      if (isOver) return [];
    } catch (error) {
      // It is about to end by itself, or to release an image.
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
