/**
 * The phases in which an update by live migration differs from a cpr-transfer:
 * the VM's RAM is copied to the new program while the guest runs. So it may be
 * anonymous memory on the source; on the destination it is shared memory.
 *
 * @module
 */

import { within } from "../../qmp/deadline.ts";
import { queryStatus } from "../../qmp/queries.ts";
import { QmpTimeoutError } from "../../qmp/mod.ts";
import type { UpdateContext } from "../context.ts";
import { STEP_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { failureOf, statusOf } from "../vm/events.ts";
import { FINISHING, requireStillMovable } from "../vm/run_state.ts";
import { MigrationSettings } from "../vm/settings.ts";
import { transferOf } from "./parts.ts";
import { prepareNew, startNew } from "./phases.ts";
import { hurry, noteRunState, saveDevices, settle } from "./switchover.ts";

/** Starts the new program, and copies the RAM until the guest is stopped. */
export async function migrateLive(context: UpdateContext): Promise<void> {
  const { client, deadline } = context;
  const transfer = transferOf(context);
  const settings = MigrationSettings.forLive(transfer.settings);
  const process = await startNew(context, settings);
  const destination = await prepareNew(context, process);
  transfer.watch = context.use(client.watch(["MIGRATION", "STOP", "RESUME"]));
  const before = await queryStatus(client);
  const uri = `unix:${transfer.handOver.main}`;
  const { loaded } = await destination.startLoad(uri, deadline.left());
  loaded.catch(() => undefined); // awaited in `switchover`
  transfer.copied = { before, loaded, isSaved: false };
  await client.execute("migrate", { uri });
  while (await isCopying(context));
}

/** Waits for the next event; returns whether the source is still copying. */
async function isCopying(context: UpdateContext): Promise<boolean> {
  const { client, deadline, timeoutMs } = context;
  const { copied, watch } = transferOf(context);
  if (copied === undefined || watch === undefined) return false;
  const event = await watch.next(
    (it) => ["completed", "failed", undefined].includes(statusOf(it)),
    { timeoutMs: deadline.left() },
  ).catch((error) => {
    throw error instanceof QmpTimeoutError ? tooSlow(timeoutMs, error) : error;
  });
  const status = statusOf(event);
  if (status === "failed") {
    const failed = new UpdateProblem(
      "migration-failed",
      `The migration failed: ${await failureOf(client)}`,
    );
    // The destination knows best why.
    await within(copied.loaded, { timeoutMs: STEP_TIMEOUT_MS }, () => failed);
    throw failed;
  }
  if (status === "completed") {
    // The guest was stopped before.
    copied.isSaved = true;
    return false;
  }
  // Another client, or the guest, may stop it as well.
  const now = await queryStatus(client);
  if (FINISHING.includes(now.status)) return false;
  requireStillMovable(now.status);
  copied.before = now;
  return true;
}

function tooSlow(timeoutMs: number, cause: unknown): UpdateProblem {
  return new UpdateProblem(
    "not-copied",
    `The VM's memory was not copied within ${timeoutMs} ms`,
    {
      remedy:
        "Give a longer --timeout, or try when the guest writes less: its " +
        "memory has to be copied faster than it changes",
      cause,
    },
  );
}

/** The source saves its devices, and the destination loads them. */
export async function switchoverLive(context: UpdateContext): Promise<void> {
  const { deadline } = context;
  const { copied, watch } = transferOf(context);
  if (copied === undefined || watch === undefined) {
    throw new Error("Nothing was copied");
  }
  const { before, isSaved, loaded } = copied;
  hurry(context);
  const timeoutMs = deadline.left(STEP_TIMEOUT_MS);
  const loading = within(
    loaded,
    { timeoutMs },
    () =>
      new UpdateProblem(
        "load-failed",
        `The new program did not load the state within ${timeoutMs} ms`,
      ),
  );
  loading.catch(() => undefined); // awaited below
  await noteRunState(context, before);
  const done = Promise.resolve();
  const { saved } = isSaved
    ? { saved: done }
    : saveDevices(context, watch, timeoutMs);
  await settle(context, before, loading, { begun: done, saved });
}
