/**
 * Rolls a VM forward. Its run state, not the journal, says how far the update
 * got:
 *
 * ```
 * run state                             what is done
 * running                               nothing: clean up
 * inmigrate, no load yet                load, then resume
 * inmigrate, loading                    wait, then resume
 * inmigrate, load failed                roll back
 * paused, loaded                        resume, if it was live before
 * suspended, io-error, shutdown, …      nothing: the guest caused it
 * finish-migrate                        migrate_cancel
 * postmigrate                           resume: the exec failed
 * ```
 *
 * @module
 */

import { detachQueue } from "../../../ffi/tap_queue.ts";
import { type QmpClient, QmpCommandError, QmpError } from "../../qmp/mod.ts";
import { queryMigrate, queryStatus } from "../../qmp/queries.ts";
import { Deadline, STEP_TIMEOUT_MS } from "../deadline.ts";
import { NeedsPersonError, UpdateProblem } from "../error.ts";
import { sentDescriptors } from "../carry/carried.ts";
import { sendCommands } from "../carry/send.ts";
import { restoreThreads } from "../process/threads.ts";
import { Urgency } from "../process/urgency.ts";
import { LINUX } from "../linux.ts";
import type { RunDirectory } from "../run/directory.ts";
import {
  forgetResumption,
  noteResumption,
  readQueues,
} from "../run/journal.ts";
import { sentAmong } from "../standby/holdings.ts";
import type { Destination } from "../transaction/destination.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { notLocked } from "../vm/images.ts";
import { ifThereSync } from "../../gone.ts";
import { readStatSync } from "../../proc/stat.ts";
import { versionText, type VmRecord } from "../vm/facts.ts";
import { failureOf } from "../vm/events.ts";
import { isLive, isReachedByGuest, stoppedPhrase } from "../vm/run_state.ts";
import { restoreTpmPage } from "../vm/tpm_page.ts";
import type { RunningProgram } from "./find_program.ts";
import { recovered, type Recovery, type Unfinished } from "./recovery.ts";

/**
 * Rolls the VM forward.
 *
 * @returns why that is not possible, if the VM has to be rolled back
 */
export async function rollForward(
  program: RunningProgram,
  unfinished: Unfinished,
): Promise<Recovery | string> {
  const recovery = await goOn(program, unfinished);
  if (typeof recovery !== "string") detachQueues(program, unfinished);
  return recovery;
}

/** If the source resumes, it expects these tap queues to be detached. */
function detachQueues(
  { pid }: RunningProgram,
  { directory, journal: { vm }, process }: Unfinished,
): void {
  if (pid !== vm.pid || process === undefined || !isSource(vm)) return;
  for (const number of readQueues(directory)) {
    using queue = process.getFd(number);
    detachQueue(queue);
  }
}

/** Whether the VM's process still executes the old program. */
function isSource(vm: VmRecord): boolean {
  const { image } = ifThereSync(() => readStatSync(vm.pid)) ?? {};
  return image === vm.image;
}

async function goOn(
  { destination, pid }: RunningProgram,
  unfinished: Unfinished,
): Promise<Recovery | string> {
  const { journal: { vm }, mayHaveRun, request } = unfinished;
  const { client } = destination;
  let warnings: readonly string[] = [];
  await using urgency = Urgency.of(pid);
  const deadline = new Deadline(request.timeoutMs);
  do {
    const { running, status: state } = await queryStatus(client);
    if (running) {
      const runs = pid === vm.pid ? programPhrase(client, vm) : "runs";
      return recovered(vm, pid, runs, warnings);
    }
    switch (state) {
      case "inmigrate": {
        const problem = await loadOnce(destination, unfinished);
        if (problem !== undefined) return problem;
        continue;
      }
      case "finish-migrate":
        await cancelMigration(client);
        continue;
      default:
        warnings = await restoreThreads(client, pid, vm.threads);
        if (state === "paused" && !mayHaveRun) {
          const problem = await restoreTpmPage(client, { ...vm, pid });
          if (problem !== undefined) return problem;
        }
        if (!isLive(vm) || isReachedByGuest(state)) {
          const problem = await destination.keepStopped(vm);
          const asBefore = state === vm.runState ? ", as before" : "";
          return recovered(vm, pid, stoppedPhrase(state, vm) + asBefore, [
            ...warnings,
            ...problem === undefined ? [] : [notLocked(problem)],
          ]);
        }
        urgency.endBoost();
        await resume(destination, unfinished, state);
        await destination.requireStable();
    }
    // Each time it may claim another state.
  } while (deadline.left() > 0);
  throw new NeedsPersonError(
    "unsettled",
    `Process ${pid} has the VM, but keeps changing its run state`,
    { remedy: "Look at the process before anything else" },
  );
}

/** "runs on QEMU 11.1.3"; and what to do if it still is the old program. */
function programPhrase({ version }: QmpClient, vm: VmRecord): string {
  const runs = `runs on ${vm.program} ${versionText(version)}`;
  return isSource(vm) ? `${runs}; the update was not done, run it again` : runs;
}

/** Resumes the guest; a rollback stays possible if it has not run for sure. */
async function resume(
  destination: Destination,
  { directory, mayHaveRun }: Unfinished,
  state: string | undefined,
): Promise<void> {
  noteResumption(directory);
  try {
    await destination.resume();
  } catch (error) {
    const refused = error instanceof QmpCommandError ||
      error instanceof QmpError && destination.hasEnded();
    // In any other state than "paused" the guest has run since the load.
    const hasNotRun = refused && !mayHaveRun && state === "paused" &&
      !await destination.hasRun();
    if (hasNotRun) forgetResumption(directory);
    destination.continueProcess();
    throw error;
  }
}

/**
 * Loads the state, or waits for a load in progress.
 *
 * @returns why it failed; undefined on success
 */
async function loadOnce(
  destination: Destination,
  { directory, journal: { carried = [] }, standby }: Unfinished,
): Promise<string | undefined> {
  const { client } = destination;
  const { status } = await queryMigrate(client);
  switch (status) {
    case undefined:
    case "none":
      try {
        makeLoadable(directory);
        using holdings = sentDescriptors(carried).length === 0
          ? undefined
          : await standby?.duplicate();
        using fresh = LINUX.renewVhost(sentAmong(holdings?.preserved ?? []));
        const [problem] = await sendCommands(
          client,
          carried,
          fresh.all,
        );
        if (problem !== undefined) return problem;
        await destination.load(`file:${directory.stateFile}`);
        return undefined;
      } catch (error) {
        if (error instanceof UpdateProblem) return error.message;
        throw error;
      }
    case "failed":
      return await cannotLoad(client);
    default:
      return await loaded(client);
  }
}

/** Replaces a run state that cannot be loaded. */
function makeLoadable({ stateFile }: RunDirectory): void {
  using state = SavedState.open(stateFile);
  state.keep(true);
}

/** Waits for a load in progress. */
async function loaded(client: QmpClient): Promise<string | undefined> {
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if ((await queryStatus(client)).status !== "inmigrate") return undefined;
    const { status } = await queryMigrate(client);
    if (status === "failed") return await cannotLoad(client);
  }
  throw new UpdateProblem(
    "load-stuck",
    `The load does not complete: ${await failureOf(client)}`,
  );
}

async function cannotLoad(client: QmpClient): Promise<string> {
  return `The program cannot load the state: ${await failureOf(client)}`;
}

/** Cancels an outgoing migration; the VM resumes if it ran before. */
async function cancelMigration(client: QmpClient): Promise<void> {
  using watch = client.watch(["RESUME", "MIGRATION"]);
  await client.execute("migrate_cancel");
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  for (;;) {
    if ((await queryStatus(client)).status !== "finish-migrate") return;
    const timeoutMs = deadline - performance.now();
    await watch.next(() => true, { timeoutMs });
  }
}
