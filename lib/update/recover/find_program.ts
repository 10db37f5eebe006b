/**
 * Finds the program that has the VM of an unfinished update; without one,
 * decides whether the VM may be rolled back.
 *
 * It may not if the guest has run since its state was saved: its memory and
 * disks have changed since, and the saved devices no longer match them. A
 * process that may be running the guest is therefore left alone.
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { ifThere } from "../../gone.ts";
import { isStopped, readStat } from "../../proc/stat.ts";
import { messageOf } from "../../errors.ts";
import { QmpBusyError, QmpClient, QmpError } from "../../qmp/mod.ts";
import { NeedsPersonError } from "../error.ts";
import { isOwnedBy } from "../process/identity.ts";
import { isThere } from "../../proc/process_name.ts";
import { readStandbys } from "../run/journal.ts";
import { Destination } from "../transaction/destination.ts";
import { noStandby, stranger, type Unfinished } from "./recovery.ts";
import { CONNECT_TIMEOUT_MS } from "../deadline.ts";

/** The program that has the VM, and its process. */
export interface RunningProgram extends AsyncDisposable {
  readonly destination: Destination;
  readonly pid: number;
}

/**
 * Connects to the program that has the VM.
 *
 * @returns undefined when there is none, and the VM may be rolled back
 * @throws {NeedsPersonError} when one may have it that does not answer
 */
export async function findProgram(
  unfinished: Unfinished,
): Promise<RunningProgram | undefined> {
  const { journal: { vm }, standby, process } = unfinished;
  // While a standby holds the memory, only the VM's process can have the VM.
  if (standby !== undefined && process === undefined) {
    return requireNotRun(unfinished);
  }
  let client: QmpClient;
  try {
    client = await QmpClient.connectAgain(vm.address, {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    await requireLoading(unfinished, error);
    return requireNotRun(unfinished);
  }
  const pid = client.peer?.pid;
  if (pid === undefined || !await isOfVm(pid, unfinished)) {
    await client.close();
    const kept = standby === undefined
      ? ""
      : `end process ${standby.pid}, which holds the old memory, and `;
    const { path } = unfinished.directory;
    throw stranger(pid, `If the VM was restarted, ${kept}remove "${path}"`);
  }
  const destination = Destination.attach(
    client,
    PidFd.open(pid),
    pid === vm.pid ? "new" : "old",
  );
  return {
    destination,
    pid,
    [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
  };
}

/** Whether a process is the VM's, or was its standby. */
async function isOfVm(
  pid: number,
  { journal: { vm }, directory }: Unfinished,
): Promise<boolean> {
  const members = [vm, ...readStandbys(directory)];
  for (const member of members) {
    if (member.pid === pid && await isThere(member)) {
      return isOwnedBy(pid, vm.owner);
    }
  }
  return false;
}

/**
 * Makes sure that a process that does not answer may be ended: it has ended
 * already, or executes the new program, which was not told to resume the guest.
 *
 * @throws {NeedsPersonError}
 */
async function requireLoading(
  unfinished: Unfinished,
  cause: QmpError,
): Promise<void> {
  const { journal: { vm }, process } = unfinished;
  if (process === undefined) return;
  if (cause instanceof QmpBusyError) {
    throw new NeedsPersonError("monitor-busy", messageOf(cause), {
      remedy: "End the other client, then run cprctl recover again",
      cause,
    });
  }
  const now = await ifThere(readStat(vm.pid));
  // It has ended in the meantime.
  if (now === undefined || process.hasExited()) return;
  if (isStopped(now)) {
    throw new NeedsPersonError(
      "process-stopped",
      `Process ${vm.pid} is stopped`,
      {
        remedy: `Run kill -CONT ${vm.pid}, then cprctl recover again`,
        cause,
      },
    );
  }
  if (now.image === vm.image) {
    throw new NeedsPersonError(
      "old-program-silent",
      `Process ${vm.pid} still executes the old program, but does not ` +
        `answer: ${messageOf(cause)}`,
      {
        remedy: "Look at the process before anything else, then run cprctl " +
          "recover again",
        cause,
      },
    );
  }
}

/**
 * @throws {NeedsPersonError} without a standby, or when the guest may have run
 */
function requireNotRun(unfinished: Unfinished): undefined {
  const { journal: { vm }, standby, process, mayHaveRun } = unfinished;
  if (standby === undefined) throw noStandby(unfinished);
  if (!mayHaveRun) return undefined;
  throw new NeedsPersonError(
    "may-have-run",
    `Process ${vm.pid} ${
      process === undefined ? "is gone" : "does not answer"
    }` +
      " and may have resumed the guest: the VM's memory and disks may be " +
      "newer than the saved state, so it is not rolled back",
    {
      remedy: "Look at the VM before anything else; before it is started " +
        `again, end process ${standby.pid}, which holds its old memory`,
    },
  );
}
