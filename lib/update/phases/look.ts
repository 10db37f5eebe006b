/** The phases that only examine the VM: "facts" and "preflight". */

import { PidFd } from "../../../ffi/process.ts";
import { ifThereSync, isGone } from "../../gone.ts";
import { type QmpClient, QmpError } from "../../qmp/mod.ts";
import type { UpdateContext } from "../context.ts";
import {
  CONNECT_TIMEOUT_MS,
  type Deadline,
  END_TIMEOUT_MS,
} from "../deadline.ts";
import { ENDED, RefusedError } from "../error.ts";
import { requireNoRefusal } from "../preflight/preflight.ts";
import { draftOf } from "../report/report.ts";
import { DeferredSignals } from "../transaction/deferred_signals.ts";
import type { Facts } from "../vm/facts.ts";
import { waitForJobs } from "../vm/block_jobs.ts";
import { ShutdownWatch } from "../vm/events.ts";

/**
 * Finds the VM behind the monitor, and everything about its process that is
 * needed to replace it.
 *
 * @returns "done" if the VM executes the wanted program already
 * @throws {RefusedError} when the monitor cannot be reached
 */
export async function facts(context: UpdateContext): Promise<"done" | void> {
  const { request, system } = context;
  context.client = context.use(await connect(context));
  requireProcess(context.client, request.pid);
  context.shutdown = context.use(new ShutdownWatch(context.client));
  const facts = context.facts = context.found = await factsOf(context);
  const report = context.report = draftOf(facts);
  context.signals = context.use(new DeferredSignals());
  const { binary = facts.successor, skipIfCurrent } = request;
  if (skipIfCurrent === true && await system.isCurrent(facts, binary)) {
    report.outcome = "up-to-date";
    report.to = report.from;
    return "done";
  }
  context.use(await system.lock(facts.pid));
  const process = await system.open(facts);
  if (process === undefined) throw processEnded(facts.pid);
  context.process = context.use(process);
  const { processContext, pinned } = await system.pin(facts, request);
  context.processContext = processContext;
  context.pinned = context.use(pinned);
}

/**
 * Makes the command lines of both programs, and checks everything that can be
 * checked while the VM runs.
 *
 * @throws {RefusedError} naming the checks that failed
 */
export async function preflight(context: UpdateContext): Promise<void> {
  const { client, deadline, request, system } = context;
  if (request.waitJobs === true) await waitForJobs(client, deadline);
  const plan = context.plan = await system.plan(context, request);
  const { report } = context;
  if (report === undefined) return;
  report.mode = plan.mode;
  report.mode_why = plan.why ?? null;
  report.command_changes = [...plan.command.changes];
  report.to = {
    ...report.from,
    version: null,
    package: null,
    exe: plan.command.argv[0] ?? null,
  };
  const found = await system.preflight(context, plan, request);
  report.checks = found.checks;
  report.downtime_predicted_ms = found.downtimeMs;
  requireTime(context.deadline);
  requireNoRefusal(report.checks);
}

async function connect(context: UpdateContext): Promise<QmpClient> {
  const { request, deadline, system } = context;
  try {
    const timeoutMs = deadline.left(CONNECT_TIMEOUT_MS);
    const budget = () => deadline.left();
    return await system.connect(request.address, { timeoutMs, budget });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    const { code, message, remedy } = error;
    throw new RefusedError(code, message, { remedy, cause: error });
  }
}

/** @throws {RefusedError} when the monitor is another process's */
function requireProcess({ peer }: QmpClient, pid?: number): void {
  if (pid === undefined || peer?.pid === pid) return;
  throw new RefusedError(
    "other-listener",
    `Process ${peer?.pid} answers at the monitor of process ${pid}`,
    { remedy: "Look at the VM: it may have been restarted" },
  );
}

async function factsOf({ client, system }: UpdateContext): Promise<Facts> {
  try {
    return await system.facts(client);
  } catch (error) {
    const { pid } = client.peer ?? {};
    if (pid === undefined || !isGone(error) || !await hasEnded(pid)) {
      throw error;
    }
    throw processEnded(pid); // the error would say the same
  }
}

function processEnded(pid: number): RefusedError {
  return new RefusedError(
    ENDED,
    `Process ${pid} ended while it was examined`,
  );
}

async function hasEnded(pid: number): Promise<boolean> {
  using process = ifThereSync(() => PidFd.open(pid));
  return process === undefined || await process.exited(END_TIMEOUT_MS);
}

/** Checks that ran out of time found out nothing about the VM. */
function requireTime(deadline: Deadline): void {
  if (deadline.left() > 0) return;
  throw new RefusedError(
    "no-time-left",
    `The checks of the VM were not complete within ${deadline.timeoutMs} ms`,
    { remedy: "Check whether its process hangs, or give a longer --timeout" },
  );
}
