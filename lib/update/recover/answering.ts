/**
 * Who answers for a VM that was left in the middle of an update, and if nobody
 * does, whether the old program may come back.
 *
 * The guest must not have run since its state was saved: its memory and its
 * disks have moved on then, and the old devices fit them no more. So whoever
 * may be running it is left alone, and a person told.
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
import { noStandby, type Unfinished } from "./recovery.ts";
import { CONNECT_TIMEOUT_MS } from "../timeouts.ts";

/** The program that has the VM, and its process. */
export interface Answering extends AsyncDisposable {
  readonly side: Destination;
  readonly pid: number;
}

/**
 * Reaches the program that has the VM.
 *
 * @returns undefined when there is none any more, and the old one may come back
 * @throws {NeedsPersonError} when one may have it that cannot be talked to
 */
export async function answering(
  unfinished: Unfinished,
): Promise<Answering | undefined> {
  const { journal: { vm }, standby, process } = unfinished;
  // While it is kept, only the process itself can answer at the monitor.
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
    await requireSilenceOfNew(unfinished, error);
    return requireNotRun(unfinished);
  }
  const pid = client.peer?.pid;
  if (pid === undefined || !await isOfVm(pid, unfinished)) {
    await client.close();
    throw stranger(unfinished, pid);
  }
  const side = Destination.attach(
    client,
    PidFd.open(pid),
    pid === vm.pid ? "new" : "old",
  );
  return {
    side,
    pid,
    [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
  };
}

/** Whether a process is the VM's, or was its memory's standby. */
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
 * Makes sure that a process that cannot be talked to has nothing to lose: it
 * executes the new program, which was never told to let the guest run.
 *
 * @throws {NeedsPersonError}
 */
async function requireSilenceOfNew(
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
  // It ended while it was waited for.
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
      `Process ${vm.pid} executes the old program still, and does not ` +
        `answer: ${messageOf(cause)}`,
      {
        remedy: "Look at the process before anything else, then run cprctl " +
          "recover again",
        cause,
      },
    );
  }
}

/** @throws {NeedsPersonError} when the guest may have run, or nothing is held */
function requireNotRun(unfinished: Unfinished): undefined {
  const { journal: { vm }, standby, process, mayHaveRun } = unfinished;
  if (standby === undefined) throw noStandby(unfinished);
  if (!mayHaveRun) return undefined;
  throw new NeedsPersonError(
    "may-have-run",
    `Process ${vm.pid} ${
      process === undefined ? "is gone" : "does not answer"
    }` +
      " and may have let the guest run: the VM's memory and disks have moved " +
      "on from the saved state then, so that it is not put back",
    {
      remedy: "Look at the VM before anything else; if it is to be started " +
        `anew, end process ${standby.pid}, which keeps its old memory`,
    },
  );
}

function stranger(
  { standby, directory }: Unfinished,
  pid: number | undefined,
): NeedsPersonError {
  const kept = standby === undefined
    ? ""
    : `end process ${standby.pid}, which keeps the old one's memory, and `;
  return new NeedsPersonError(
    "stranger",
    `Process ${pid} answers at the monitor, which is not the VM's that was ` +
      "left",
    {
      remedy: `If the VM was started anew, ${kept}remove "${directory.path}"`,
    },
  );
}
