/**
 * The phases of an update by cpr-transfer, after the checks: a new process
 * beside the VM's own takes the VM over.
 *
 * ```
 * source       runs ─────────────── STOP ─ saves ─ SIGSTOP ··· SIGKILL
 *                │ migrate            ▲ hang-up      │
 *                ▼ CPR state, RAM     │              ▼
 * destination  starts ── waits ─ migrate-incoming ─ loads ─ cont, RESUME
 * phase        migrate           switchover     verify     commit
 * ```
 *
 * The two must never run at once. QEMU itself prevents that only by the locks
 * of writable images, which a VM need not have. Until the commit only the
 * source may run the guest: its migration stops it, and after a failure the
 * destination is killed before the source resumes. Once the source has saved and
 * described the VM, it is stopped by SIGSTOP; only then the destination gets
 * `cont`. The source is not killed yet: if `cont` fails, the destination is
 * killed and the source resumes. So at any moment one of them can run the guest,
 * and at most one may. Once RESUME has come, the source is killed: by SIGKILL,
 * since `quit` would touch images that belong to the destination.
 *
 * @module
 */

import { sendCommands } from "../carry/send.ts";
import { messageOf } from "../../errors.ts";
import { QmpCommandError } from "../../qmp/mod.ts";
import { queryStatus } from "../../qmp/queries.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { sleep } from "../../sleep.ts";
import { channelAt, pathsOf } from "../command/transfer_command.ts";
import type { Transfer, UpdateContext } from "../context.ts";
import { Deadline, SETTLE_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { killProcess, unlessStopped } from "../process/ending.ts";
import { noteResumption } from "../run/journal.ts";
import { fillClosed } from "./closed_descriptors.ts";
import { staysInPlace } from "../process/service.ts";
import { refuseIfInterrupted } from "../transaction/deferred_signals.ts";
import type { Destination } from "../transaction/destination.ts";
import { StderrTail } from "../transaction/stderr_tail.ts";
import { Fingerprint } from "../verify/fingerprint.ts";
import { findingsOf, requireSameVm } from "../verify/verdict.ts";
import { isLive, requireStillMovable } from "../vm/run_state.ts";
import { MigrationSettings } from "../vm/settings.ts";
import { destinationOf, processOf, transferOf } from "./parts.ts";

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
  const differences = plan.fingerprint.differencesTo(fingerprint, ["made"]);
  if (report !== undefined) report.differences = findingsOf(differences);
  requireSameVm(differences);
  transfer.made = { fingerprint, differences };
  // Once more after the stop: now it costs no downtime if it differs.
  plan.fingerprint.requireUnchanged(await Fingerprint.take(client, "stopped"));
  await plan.fingerprint.warmUp(client);
  return destination;
}

/** Compares the VM with what it was, and with what is on the source. */
export async function verifyTransfer(context: UpdateContext): Promise<void> {
  const { report } = context;
  const transfer = transferOf(context);
  const { both, made } = transfer;
  if (made === undefined || both === undefined) {
    throw new Error("There is no fingerprint");
  }
  const before = await both.source;
  const loaded = await unlessStopped(processOf(context), both.loaded);
  const after = made.fingerprint.updatedBy(loaded);
  const differences = [
    ...made.differences,
    ...before.differencesTo(after, ["loaded"]),
  ];
  if (report !== undefined) report.differences = findingsOf(differences);
  requireSameVm(differences);
}

/** Lets the guest run on the destination, and ends the source. */
export async function commitTransfer(context: UpdateContext): Promise<void> {
  const { clock, facts, process, system } = context;
  const transfer = transferOf(context);
  const destination = destinationOf(context);
  await transfer.fenced;
  noteResumption(transfer.directory);
  if (isLive(facts)) {
    context.urgency?.endBoost();
    context.resume = await unlessStopped(
      processOf(context),
      destination.resume(),
    );
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
  const channels = [
    channelAt("main", handOver.main),
    channelAt("cpr", handOver.cpr),
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
    await sleep(RETRY_MS);
  }
}
