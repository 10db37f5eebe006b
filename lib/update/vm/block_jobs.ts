/** Jobs that work on a VM's disks, such as a backup: an exec would drop them. */

import {
  type Json,
  type JsonObject,
  type QmpClient,
  QmpTimeoutError,
} from "../../qmp/mod.ts";
import type { Deadline } from "../deadline.ts";
import { ifKnown, objectsIn, text } from "./reply.ts";

/** States of a job that has finished and waits to be dismissed. */
const FINISHED = ["concluded", "null"];

/** The jobs in a reply to query-jobs that have not finished. */
export function unfinishedJobs(reply: Json | undefined): JsonObject[] {
  return objectsIn(reply)
    .filter(({ status }) => !FINISHED.includes(text(status) ?? ""));
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
