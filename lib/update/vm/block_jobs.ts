/** Jobs that work on a VM's disks, such as a backup: an exec would drop them. */

import {
  type Json,
  type JsonObject,
  type QmpClient,
  QmpTimeoutError,
} from "../../qmp/mod.ts";
import type { Deadline } from "../deadline.ts";
import { ifKnown, objectsIn, text } from "./reply.ts";

/** A job that has finished and waits to be dismissed. */
const CONCLUDED = "concluded";
const FINISHED = [CONCLUDED, "null"];

/** The jobs in a reply to query-jobs that have not finished. */
export function unfinishedJobs(reply: Json | undefined): JsonObject[] {
  return objectsIn(reply)
    .filter(({ status }) => !FINISHED.includes(text(status) ?? ""));
}

/** The jobs in a reply to query-jobs whose result nobody has taken yet. */
export function concludedJobs(reply: Json | undefined): JsonObject[] {
  return objectsIn(reply).filter(({ status }) => status === CONCLUDED);
}

/** Waits until no job is left, or no time: then a check names them. */
export async function waitForJobs(
  client: QmpClient,
  deadline: Deadline,
): Promise<void> {
  using changes = client.watch(["JOB_STATUS_CHANGE"]);
  const left = async () =>
    unfinishedJobs(await ifKnown(client.execute("query-jobs"))).length > 0;
  while (await left()) {
    try {
      await changes.next(() => true, { timeoutMs: deadline.left() });
    } catch (error) {
      if (error instanceof QmpTimeoutError) return;
      throw error;
    }
  }
}
