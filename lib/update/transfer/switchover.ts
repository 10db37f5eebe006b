/**
 * The switchover to another process, while the guest is stopped: the source saves
 * the devices, the destination loads them, and both describe the VM.
 *
 * @module
 */

import type { EventWatch, Executor, QmpClient } from "../../qmp/mod.ts";
import { queryStatus, type StatusInfo } from "../../qmp/queries.ts";
import type { UpdateContext } from "../context.ts";
import { Deadline, STEP_TIMEOUT_MS, VERIFY_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { unlessStopped } from "../process/ending.ts";
import { vcpuThreads } from "../process/threads.ts";
import type { UrgencyPort } from "../system.ts";
import { Fingerprint } from "../verify/fingerprint.ts";
import { failureOf, nextStatus } from "../vm/events.ts";
import { isLive } from "../vm/run_state.ts";
import {
  destinationOf,
  processOf,
  resumed,
  stopped,
  transferOf,
} from "./parts.ts";

/** The final statuses of a migration that is not cancelled. */
const OVER = ["completed", "failed"];
/** The run state of a destination until it has loaded the VM. */
const LOADING = "inmigrate";
/** The time limit for loading the VM, in predicted downtimes. */
const PATIENCE = 10;
const LEAST_LOAD_MS = 1_000;

/** Stops the guest; the source saves its devices, the destination loads them. */
export async function switchoverTransfer(
  context: UpdateContext,
): Promise<void> {
  const { client, deadline } = context;
  const transfer = transferOf(context);
  const destination = destinationOf(context);
  const timeoutMs = deadline.left(loadTimeout(context));
  const watch = client.watch(["MIGRATION", "STOP", "RESUME"]);
  transfer.watch = context.use(watch);
  const before = await queryStatus(client);
  await noteRunState(context, before);
  // A guest that sets up its devices just then is found to be another one.
  const known = await Fingerprint.take(client, "stopped");
  context.plan.fingerprint.requireUnchanged(known);
  hurry(context);
  const uri = `unix:${transfer.handOver.main}`;
  const loading = destination.load(uri, timeoutMs);
  const saving = saveDevices(context, watch, timeoutMs);
  await settle(context, before, loading, saving, known);
}

/**
 * Short, because the source can resume at once. On a host with seven times as
 * many tasks as cores some updates took four times as long as predicted.
 */
function loadTimeout({ report }: UpdateContext): number {
  const predicted = report?.downtime_predicted_ms;
  if (predicted === null || predicted === undefined) return STEP_TIMEOUT_MS;
  const timeout = Math.max(predicted * PATIENCE, LEAST_LOAD_MS);
  return Math.min(timeout, STEP_TIMEOUT_MS);
}

/** A rollback, or recover, has to know what a client did meanwhile. */
export async function noteRunState(
  context: UpdateContext,
  { status: runState, running }: StatusInfo,
): Promise<void> {
  if (runState === context.facts.runState) return;
  context.facts = { ...context.facts, runState, running };
  await transferOf(context).writeJournal(context.facts);
}

/** Gives both programs the CPU, since the guest waits for them. */
export function hurry(context: UpdateContext): void {
  const { facts: { pid, threads }, system } = context;
  context.urgency = context.use(
    both(
      system.urgency(pid, vcpuThreads(threads)),
      system.urgency(transferOf(context).process?.pid ?? 0),
    ),
  );
}

/** Both programs are waited for while the guest is stopped. */
function both(one: UrgencyPort, other: UrgencyPort): UrgencyPort {
  return {
    endBoost() {
      one.endBoost();
      other.endBoost();
    },
    end() {
      one.end();
      other.end();
    },
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}

/**
 * Waits until the source has saved the devices, and the destination loaded
 * them.
 *
 * @param before the run state in which the source was stopped
 * @param known the VM on the source just before that, if it is known
 */
export async function settle(
  context: UpdateContext,
  before: StatusInfo,
  loading: Promise<void>,
  { begun, saved }: Saving,
  known?: Fingerprint,
): Promise<void> {
  const transfer = transferOf(context);
  const { client } = destinationOf(context);
  const destination = processOf(context);
  // Both are asked as early as they can know: the guest waits for the replies.
  const source = begun.then(() => describeSource(context, known));
  // From here on it must not run, unless the destination has ended.
  const fenced = transfer.fenced = Promise.all([source, saved]).then(() => {
    if (transfer.returns) throw new Error("The source is to resume");
    return transfer.fence = fenceSource(context);
  });
  fenced.catch(() => undefined); // awaited in `commit`
  const describe = () => describeLoaded(asking(context, client));
  const early = saved.then(describe);
  early.catch(() => undefined); // awaited below, once it has loaded
  const live = isLive({ ...before, runState: before.status });
  try {
    // The destination knows best why it did not load, and may do so first.
    const both = saved.finally(() => loading);
    await unlessStopped(destination, Promise.all([loading, both]));
  } finally {
    if (live) context.stop = stopped(transfer) ?? context.stop;
  }
  transfer.isLoaded = true;
  const described = early
    .then((it) => it.now.status === LOADING ? describe() : it);
  const { now, fingerprint } = await unlessStopped(destination, described);
  if (now.status === LOADING) {
    throw new UpdateProblem(
      "load-failed",
      "The new program reports that it has loaded the VM, but does not have it",
    );
  }
  transfer.both = { source, loaded: fingerprint };
  // The guest may have stopped by itself just before it was stopped.
  const isAsBefore = live && now.status === "paused";
  const { status, running } = isAsBefore ? before : now;
  context.facts = { ...context.facts, runState: status, running };
}

/** The VM as it was stopped; what the destination shall be compared with. */
async function describeSource(
  context: UpdateContext,
  known?: Fingerprint,
): Promise<Fingerprint> {
  const { client, plan } = context;
  const monitor = asking(context, client);
  const saved = await Fingerprint.take(
    monitor,
    known === undefined ? "stopped" : "saved",
  );
  const stopped = known?.updatedBy(saved) ?? saved;
  plan.fingerprint.requireUnchanged(stopped);
  return plan.fingerprint.updatedBy(stopped);
}

/**
 * The VM as the destination has it, with its run state: a description that came
 * before that state was loaded is of no use.
 *
 * The run state is asked for twice. QEMU may execute the first command, then
 * complete the load, and only then reply; it executes the second after that.
 */
async function describeLoaded(
  monitor: Executor,
): Promise<{ now: StatusInfo; fingerprint: Promise<Fingerprint> }> {
  queryStatus(monitor).catch(() => undefined); // so does the second
  const now = queryStatus(monitor);
  const fingerprint = Fingerprint.take(monitor, "loaded");
  fingerprint.catch(() => undefined); // awaited in `verify`
  return { now: await now, fingerprint };
}

/** The guest is stopped: a program that hangs must not delay it for long. */
function asking({ deadline }: UpdateContext, client: QmpClient): Executor {
  const verifying = new Deadline(VERIFY_TIMEOUT_MS);
  return client.within(() => verifying.left(deadline.left()));
}

/** Stops the source, unless another client has resumed the guest there. */
async function fenceSource(context: UpdateContext): Promise<void> {
  const { client, process, system } = context;
  await system.fence(process);
  // All that the source has said is in the socket.
  await client.drain();
  if (resumed(transferOf(context)) === undefined) return;
  throw new UpdateProblem(
    "resumed-on-source",
    "Another client resumed the guest on the old program",
  );
}

/** The progress of the source. */
export interface Saving {
  /** It saves the devices, and will reply to queries right after that. */
  readonly begun: Promise<unknown>;
  /** It has sent all of the VM's state. */
  readonly saved: Promise<void>;
}

/** Waits until the source has saved its devices. */
export function saveDevices(
  { client }: UpdateContext,
  watch: EventWatch,
  timeoutMs: number,
): Saving {
  const next = (statuses: readonly string[]) =>
    nextStatus(watch, statuses, { timeoutMs });
  const begun = next(["device", ...OVER]);
  const save = async () => {
    const first = await begun;
    const last = OVER.includes(first) ? first : await next(OVER);
    if (last === "completed") return;
    throw new UpdateProblem(
      "migration-failed",
      `The migration failed: ${await failureOf(client)}`,
    );
  };
  return { begun, saved: save() };
}
