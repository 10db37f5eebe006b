/**
 * The phases of an update by cpr-transfer, after the checks: a new process
 * beside the VM's own takes the VM over.
 *
 * ```
 * source       runs ─────────────── STOP ─ saves ─ SIGSTOP ··· SIGKILL
 *                │ migrate            ▲ hang-up      │
 *                ▼ CPR state, RAM     │              ▼
 * destination  starts ── waits ─ migrate-incoming ─ loads ─ cont, RESUME
 * phase        migrate           switchover        verify  commit
 * ```
 *
 * The two must never run at once. QEMU itself prevents that only by the locks
 * of writable images, which a VM need not have. Until the commit only the
 * source may run the guest: its migration stops it, and after a failure the
 * destination is killed before the source resumes. In the commit the source is
 * stopped by SIGSTOP before the destination gets `cont`. It is not killed yet:
 * if `cont` fails, the destination is killed and the source resumes. So at any
 * moment one of them can run the guest, and at most one may. Once RESUME has
 * come, the source is killed: by SIGKILL, since `quit` would touch images that
 * belong to the destination.
 *
 * @module
 */

import { sendCommands } from "../carry/send.ts";
import { messageOf } from "../../errors.ts";
import {
  type EventWatch,
  QmpCommandError,
  type QmpEvent,
} from "../../qmp/mod.ts";
import { queryStatus, type StatusInfo } from "../../qmp/queries.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { pathsOf } from "../command/transfer_command.ts";
import type { Transfer, UpdateContext } from "../context.ts";
import {
  Deadline,
  SETTLE_TIMEOUT_MS,
  STEP_TIMEOUT_MS,
  VERIFY_TIMEOUT_MS,
} from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { killProcess } from "../process/ending.ts";
import { noteResumption } from "../run/journal.ts";
import { fillClosed } from "./closed_descriptors.ts";
import { staysInPlace } from "../process/service.ts";
import { vcpuThreads } from "../process/threads.ts";
import type { UrgencyPort } from "../system.ts";
import { refuseIfInterrupted } from "../transaction/deferred_signals.ts";
import type { Destination } from "../transaction/destination.ts";
import { StderrTail } from "../transaction/stderr_tail.ts";
import { failureOf, nextStatus } from "../vm/events.ts";
import { Fingerprint } from "../verify/fingerprint.ts";
import { findingsOf, requireSameVm } from "../verify/verdict.ts";
import { isLive, requireStillMovable } from "../vm/run_state.ts";
import { MigrationSettings } from "../vm/settings.ts";

/** Between two attempts to reach the new program. */
const RETRY_MS = 5;

/** Makes run directory, journal and standby; the VM is untouched. */
export async function prepareTransfer(context: UpdateContext): Promise<void> {
  const { client, facts, plan, process, request, system } = context;
  const { handOver } = plan;
  if (handOver === undefined) throw new Error("There is no hand-over");
  const settings = await MigrationSettings.read(client);
  const directory = context.use(await system.runDirectory(facts));
  const writeJournal = await system.journal(
    directory,
    facts.pid,
    settings,
    plan,
  );
  await writeJournal(facts);
  const standby = context.use(
    await system.standby(directory, context, plan, request),
  );
  const streams = context.use(system.standardStreams(process));
  await standby.hold(streams.preserved);
  context.transfer = {
    ...{ handOver, settings, directory, standby, writeJournal },
    stderr: StderrTail.after(streams.stderr),
  };
  await system.warmUp(context, plan, request);
  refuseIfInterrupted(context.signals);
}

/**
 * Starts the new program beside the VM, which hands its RAM over and runs on.
 * The new program is complete when this returns.
 */
export async function migrateTransfer(context: UpdateContext): Promise<void> {
  const { client, deadline, facts, system } = context;
  const transfer = transferOf(context);
  const process = await startNew(context, MigrationSettings.forTransfer());
  const user = facts.identity.credentials;
  await system.appears(transfer.handOver.cpr, process, user, deadline.left());
  transfer.fillers = await system.countClosed(facts.pid);
  await fillClosed(client, transfer.fillers);
  await startMigration(context, transfer);
  await prepareNew(context, process);
}

/** Starts the new program. From here on a failure has to end it. */
export async function startNew(
  context: UpdateContext,
  settings: MigrationSettings,
): Promise<ProcessHandle> {
  const { client, facts, system } = context;
  const transfer = transferOf(context);
  requireStillMovable((await queryStatus(client)).status);
  // Left by an earlier attempt.
  const user = facts.identity.credentials;
  const [kept] = system.remove(pathsOf(transfer.handOver), user);
  if (kept !== undefined) throw new UpdateProblem("path-taken", kept);
  context.clock.ignoreObserverErrors();
  context.touched = true;
  await settings.set(client);
  const process = transfer.process = context.use(await transfer.standby.go());
  context.use(await system.lock(process.pid));
  return process;
}

/** Makes the new program complete, and compares it with the VM as it runs. */
export async function prepareNew(
  context: UpdateContext,
  { pid }: ProcessHandle,
): Promise<Destination> {
  const { client, deadline, facts, plan, report, system } = context;
  const transfer = transferOf(context);
  const destination = context.destination = await system.destination(
    { ...facts, pid, address: { path: transfer.handOver.monitor } },
    "new",
    deadline.left(),
    () => deadline.left(),
  );
  system.requireSameUser({ ...facts.identity, pid });
  context.newVersion = destination.client.version;
  transfer.placing = await system.restoreThreads(
    destination.client,
    pid,
    facts.threads,
  );
  const { commands } = plan.carried;
  const [lost] = await sendCommands(destination.client, commands);
  if (lost !== undefined) throw new UpdateProblem("not-carried", lost);
  // The guest still runs: most of the comparison costs no downtime.
  const fingerprint = await Fingerprint.ofNew(destination.client);
  const differences = plan.fingerprint.differencesTo(fingerprint, ["fixed"]);
  if (report !== undefined) report.differences = findingsOf(differences);
  requireSameVm(differences);
  transfer.made = { fingerprint, differences };
  // Once more after the stop: now it costs no downtime if it differs.
  plan.fingerprint.requireUnchanged(await Fingerprint.take(client, "stopped"));
  await plan.fingerprint.warmUp(client);
  return destination;
}

/**
 * Stops the guest; the source saves its devices, the destination loads them.
 */
export async function switchoverTransfer(
  context: UpdateContext,
): Promise<void> {
  const { client, deadline } = context;
  const transfer = transferOf(context);
  const destination = destinationOf(context);
  const watch = client.watch(["MIGRATION", "STOP", "RESUME"]);
  transfer.watch = context.use(watch);
  const before = await queryStatus(client);
  await noteRunState(context, before);
  hurry(context);
  const loading = destination.load(`unix:${transfer.handOver.main}`);
  await settle(context, before, [
    loading,
    saveDevices(context, watch, deadline.left(STEP_TIMEOUT_MS)),
  ]);
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

/**
 * Waits until the source has saved the devices, and the destination loaded
 * them.
 *
 * @param before the run state in which the source was stopped
 */
export async function settle(
  context: UpdateContext,
  before: StatusInfo,
  [loading, saving]: readonly [Promise<void>, Promise<void>],
): Promise<void> {
  const transfer = transferOf(context);
  const destination = destinationOf(context);
  // The source answers while the destination loads.
  const source = saving.then(() => describeSource(context));
  source.catch(() => undefined); // awaited in `verify`
  const [loaded, saved] = await Promise.allSettled([loading, saving]);
  const live = isLive({ ...before, runState: before.status });
  if (live) context.stop = seen(transfer, "STOP") ?? context.stop;
  // The destination knows best why it did not load.
  if (loaded.status === "rejected") throw loaded.reason;
  if (saved.status === "rejected") throw saved.reason;
  const now = await queryStatus(destination.client);
  transfer.isLoaded = true;
  transfer.source = source;
  // The guest may have stopped by itself just before it was stopped.
  const isAsBefore = live && now.status === "paused";
  const { status, running } = isAsBefore ? before : now;
  context.facts = { ...context.facts, runState: status, running };
}

/** The VM as it was stopped; what the destination shall be compared with. */
async function describeSource(
  { client, plan }: UpdateContext,
): Promise<Fingerprint> {
  const stopped = await Fingerprint.take(client, "stopped");
  plan.fingerprint.requireUnchanged(stopped);
  return plan.fingerprint.updatedBy(stopped);
}

/** Compares the VM with what it was, and with what is on the source. */
export async function verifyTransfer(context: UpdateContext): Promise<void> {
  const { deadline, report } = context;
  const { made, source } = transferOf(context);
  if (made === undefined) throw new Error("There is no fingerprint");
  const verifying = new Deadline(VERIFY_TIMEOUT_MS);
  // The guest is stopped: a program that hangs must not delay it for long.
  const destination = destinationOf(context).client
    .within(() => verifying.left(deadline.left()));
  const loaded = Fingerprint.take(destination, "moved");
  loaded.catch(() => undefined); // awaited below
  const before = await source;
  if (before === undefined) throw new Error("The source was not asked");
  const after = made.fingerprint.updatedBy(await loaded);
  const differences = [
    ...made.differences,
    ...before.differencesTo(after, ["changing"]),
  ];
  if (report !== undefined) report.differences = findingsOf(differences);
  requireSameVm(differences);
}

/** Lets the guest run on the destination, and ends the source. */
export async function commitTransfer(context: UpdateContext): Promise<void> {
  const { client, clock, facts, process, system } = context;
  const transfer = transferOf(context);
  const destination = destinationOf(context);
  noteResumption(transfer.directory);
  await system.fence(process);
  // All that the source has said is in the socket; another client may have
  // resumed it before the fence.
  await client.drain();
  if (resumed(transfer) !== undefined) {
    throw new UpdateProblem(
      "resumed-on-source",
      "Another client resumed the guest on the old program",
    );
  }
  if (isLive(facts)) {
    context.urgency?.endBoost();
    context.resume = await destination.resume();
    context.urgency?.end();
  } else {
    const problem = await destination.keepStopped(facts);
    if (problem !== undefined) {
      throw new UpdateProblem(
        "images-taken",
        `The new program cannot use the VM's images: ${problem}`,
      );
    }
    // Its guest has not run: as long as the source exists, it can resume.
    await destination.requireStable();
  }
  const warnings = [...transfer.placing ?? []];
  const { moves, cpr, main } = transfer.handOver;
  const user = facts.identity.credentials;
  // Before the end of the source, at which systemd reads the pidfile.
  const unmoved = system.move(moves, user);
  warnings.push(...unmoved);
  if (unmoved.length > 0 && !staysInPlace(facts)) {
    warnings.push(
      `Process ${process.pid}, which had the VM, is stopped and was not ended: ` +
        `the service "${facts.service?.name}" would end with it`,
    );
  } else if (!await killProcess(process)) {
    warnings.push(
      `Process ${process.pid}, which had the VM, does not end on SIGKILL; it ` +
        "is stopped and cannot run the guest",
    );
  }
  warnings.push(...system.remove([cpr, main], user));
  const settling = new Deadline(SETTLE_TIMEOUT_MS);
  const monitor = destination.client.within(() => settling.left());
  warnings.push(...await transfer.settings.restoreAll(monitor));
  clock.end();
  await destination.requireStable();
  context.pidAfter = transfer.process?.pid;
  context.warn(...warnings);
}

/** The new program has bound its socket, but may not listen there yet. */
async function startMigration(
  { client, deadline }: UpdateContext,
  { handOver }: Transfer,
): Promise<void> {
  const channel = (kind: string, path: string) => ({
    "channel-type": kind,
    "addr": { transport: "socket", type: "unix", path },
  });
  const channels = [
    channel("main", handOver.main),
    channel("cpr", handOver.cpr),
  ];
  for (;;) {
    try {
      await client.execute("migrate", { channels });
      return;
    } catch (error) {
      const mayPass = error instanceof QmpCommandError &&
        messageOf(error).includes("Connection refused");
      if (!mayPass || deadline.left() === 0) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
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

export async function saveDevices(
  { client }: UpdateContext,
  watch: EventWatch,
  timeoutMs: number,
): Promise<void> {
  const status = await nextStatus(watch, ["completed", "failed"], {
    timeoutMs,
  });
  if (status === "completed") return;
  throw new UpdateProblem(
    "migration-failed",
    `The migration failed: ${await failureOf(client)}`,
  );
}

/** The last event of this name. */
export function seen(
  { watch }: Transfer,
  wanted: string,
): QmpEvent | undefined {
  return watch?.seen.findLast(({ name }) => name === wanted);
}

/** Whether the source was resumed after it was stopped for the last time. */
export function resumed({ watch }: Transfer): QmpEvent | undefined {
  const events = watch?.seen ?? [];
  const stop = events.findLastIndex(({ name }) => name === "STOP");
  return events.slice(stop + 1).find(({ name }) => name === "RESUME");
}

export function transferOf({ transfer }: UpdateContext): Transfer {
  if (transfer === undefined) throw new Error("There is no transfer");
  return transfer;
}

function destinationOf({ destination }: UpdateContext): Destination {
  if (destination === undefined) throw new Error("There is no destination");
  return destination;
}
