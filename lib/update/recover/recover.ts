/**
 * Completes the updates of a cprctl that was killed.
 *
 * ```
 * at the monitor answers
 *   the VM's process, or the old program after a rollback       rolled forward
 *   no process, and the guest cannot have run since the save    rolled back
 *   another process, or none but the guest may have run         needs person
 * ```
 *
 * @module
 */

import { messageOf } from "../../errors.ts";
import { QmpClosedError } from "../../qmp/mod.ts";
import { Deadline } from "../deadline.ts";
import { isOver, ShutDownError, UpdateProblem } from "../error.ts";
import { openNamed } from "../../proc/process_name.ts";
import { DaemonAway } from "../libvirt/away.ts";
import { startWords } from "../libvirt/daemon.ts";
import { stateOnceConnected } from "../libvirt/virsh.ts";
import { RunDirectory } from "../run/directory.ts";
import { type Journal, mayHaveResumed, readJournal } from "../run/journal.ts";
import { VmLock } from "../run/lock.ts";
import { DeferredSignals } from "../transaction/deferred_signals.ts";
import { removeOwnSet } from "../vm/left_open.ts";
import { MigrationSettings } from "../vm/settings.ts";
import { Standby } from "../standby/standby.ts";
import { findProgram } from "./find_program.ts";
import { rollBackUnfinished } from "./roll_back.ts";
import { recoverTransfer } from "./transfer.ts";
import { rollForward } from "./roll_forward.ts";
import {
  needsPerson,
  type RecoverRequest,
  type Recovery,
  shutDown,
  type Unfinished,
} from "./recovery.ts";

export type { RecoverRequest, Recovery } from "./recovery.ts";

/**
 * Completes every unfinished update, all in parallel: most of the time is spent
 * waiting. VMs that another cprctl works on are skipped. Signals that would end
 * this process are deferred.
 */
export async function recover(request: RecoverRequest): Promise<Recovery[]> {
  using _signals = new DeferredSignals();
  const directories = await Array.fromAsync(RunDirectory.list());
  const recoveries = await Promise.all(directories.map(async (directory) => {
    try {
      return await recoverUnlessLocked(directory, request);
    } catch (error) {
      // The others are recovered nevertheless.
      return needsPerson(
        { pid: directory.pid, name: undefined },
        new UpdateProblem(
          "unreadable",
          `Cannot read the run directory "${directory.path}": ${
            messageOf(error)
          }`,
          { cause: error },
        ),
      );
    }
  }));
  await VmLock.tidy();
  const found = recoveries.filter((it) => it !== undefined);
  const daemon = await startDaemon(found);
  return daemon === undefined ? found : [...found, daemon];
}

/**
 * Starts libvirt's daemon if a killed cprctl has left it stopped.
 *
 * @param recoveries of this run, which may have rolled back its domain
 */
async function startDaemon(
  recoveries: readonly Recovery[],
): Promise<Recovery | undefined> {
  using away = await DaemonAway.left();
  if (away === undefined) return undefined;
  const { domain } = away;
  const found = recoveries.find(({ vm }) => vm.pid === domain.pid);
  const vm = found?.vm ?? domain;
  const pid = found?.pid ?? domain.pid;
  try {
    if (await away.isNeeded()) {
      throw new UpdateProblem(
        "libvirt-daemon",
        "libvirt's daemon stays stopped, since it would end the domain " +
          `"${domain.name}", which was not recovered; to give up the domain, ` +
          `run: ${startWords(away.daemon)}`,
      );
    }
    await away.start(pid);
    const state = await stateOnceConnected(domain.name);
    const message = "libvirt's daemon was started again; it reports the " +
      `domain "${domain.name}" as "${state}"`;
    return { vm, pid, outcome: "recovered", message };
  } catch (error) {
    return needsPerson(vm, error);
  }
}

/** Undefined if another cprctl works on the VM, or nothing was touched. */
async function recoverUnlessLocked(
  directory: RunDirectory,
  request: RecoverRequest,
): Promise<Recovery | undefined> {
  // Without the lock another cprctl may be creating or removing the directory.
  using lock = await VmLock.tryTake(directory.pid);
  if (lock === undefined) return undefined;
  const journal = readJournal(directory);
  if (journal === undefined) {
    await directory[Symbol.asyncDispose]();
    return undefined;
  }
  try {
    const recovery = await recoverOne(directory, journal, request);
    await directory[Symbol.asyncDispose]();
    return recovery;
  } catch (error) {
    if (isOver(error)) await directory[Symbol.asyncDispose]();
    return error instanceof ShutDownError
      ? shutDown(journal.vm, error)
      : needsPerson(journal.vm, error);
  }
}

async function recoverOne(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  const deadline = new Deadline(request.timeoutMs);
  for (;;) {
    try {
      const { handOver } = journal;
      if (handOver !== undefined) {
        return await recoverTransfer(directory, journal, handOver);
      }
      return await recoverNow(directory, journal, request);
    } catch (error) {
      // It just executed the new program, or ended: look again.
      if (!(error instanceof QmpClosedError) || deadline.left() === 0) {
        throw error;
      }
    }
  }
}

async function recoverNow(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  const standby = await Standby.find(directory.path);
  try {
    using process = await openNamed(journal.vm);
    const unfinished: Unfinished = {
      ...{ directory, journal, standby, request, process },
      mayHaveRun: mayHaveResumed(directory),
    };
    const recovery = await rollForwardOrBack(unfinished);
    await standby?.[Symbol.asyncDispose]();
    return recovery;
  } catch (error) {
    if (isOver(error)) await standby?.[Symbol.asyncDispose]();
    else standby?.leave();
    throw error;
  }
}

async function rollForwardOrBack(unfinished: Unfinished): Promise<Recovery> {
  const found = await findProgram(unfinished);
  let why: string | undefined;
  if (found !== undefined) {
    await using program = found;
    const recovery = await rollForward(program, unfinished);
    if (typeof recovery === "string") why = recovery;
    else {
      const { settings } = unfinished.journal;
      const { client } = program.destination;
      const warnings = await new MigrationSettings(settings)
        .restoreAll(client);
      await removeOwnSet(client);
      return {
        ...recovery,
        message: [recovery.message, ...warnings].join("; "),
      };
    }
  }
  return await rollBackUnfinished(unfinished, why);
}
