/**
 * Ends what a cprctl that was killed began.
 *
 * ```
 * who answers at the monitor?
 *   the VM's process, or the old program that a rollback started   rolled forward
 *   nobody, and the guest cannot have run since it was saved       rolled back
 *   a stranger, or one that may be running the guest               a person's
 * ```
 *
 * @module
 */

import { messageOf } from "../../errors.ts";
import { QmpClosedError } from "../../qmp/mod.ts";
import { Deadline } from "../deadline.ts";
import { isOver, ShutDownError, UpdateProblem } from "../error.ts";
import { openNamed } from "../../proc/process_name.ts";
import { RunDirectory } from "../run/directory.ts";
import { type Journal, mayHaveResumed, readJournal } from "../run/journal.ts";
import { VmLock } from "../run/lock.ts";
import { DeferredSignals } from "../transaction/deferred_signals.ts";
import { MigrationSettings } from "../vm/migration_settings.ts";
import { Standby } from "../standby/standby.ts";
import { answering } from "./answering.ts";
import { rollBackUnfinished } from "./roll_back.ts";
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
 * Ends every update that was left unfinished, all at once: most of it is
 * waiting. VMs in work are passed over. Signals that would end this process
 * wait until it is done.
 */
export async function recover(request: RecoverRequest): Promise<Recovery[]> {
  using _signals = new DeferredSignals();
  const directories = await Array.fromAsync(RunDirectory.leftOver());
  const recoveries = await Promise.all(directories.map(async (directory) => {
    try {
      return await recoverUnlessLocked(directory, request);
    } catch (error) {
      // One that cannot be read says nothing of the others.
      return needsPerson(
        { pid: directory.pid, name: undefined },
        new UpdateProblem(
          "unreadable",
          `Cannot make anything of "${directory.path}": ${messageOf(error)}`,
          { cause: error },
        ),
      );
    }
  }));
  await VmLock.tidy();
  return recoveries.filter((it) => it !== undefined);
}

/** Undefined where another cprctl works on the VM, or nothing was touched. */
async function recoverUnlessLocked(
  directory: RunDirectory,
  request: RecoverRequest,
): Promise<Recovery | undefined> {
  // Without the lock the directory may be one that is being made, or removed.
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
      return await recoverNow(directory, journal, request);
    } catch (error) {
      // It executed the new program just now, or ended: another look tells.
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
  const found = await answering(unfinished);
  let why: string | undefined;
  if (found !== undefined) {
    await using program = found;
    const recovery = await rollForward(program, unfinished);
    if (typeof recovery === "string") why = recovery;
    else {
      const { settings } = unfinished.journal;
      const warnings = await new MigrationSettings(settings)
        .giveAll(program.side.client);
      return {
        ...recovery,
        message: [recovery.message, ...warnings].join("; "),
      };
    }
  }
  return await rollBackUnfinished(unfinished, why);
}
