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

import { QmpBusyError, QmpClient, QmpError } from "../../qmp/mod.ts";
import { messageOf, NeedsPersonError } from "../error.ts";
import { isOwnedBy } from "../process/identity.ts";
import { isThere } from "../process/named_process.ts";
import { readStateAndImage } from "../process/proc.ts";
import { readKeepers } from "../run/journal.ts";
import { IncomingSide } from "../transaction/incoming_side.ts";
import { type Leftover, nobodyKeeps } from "./recovery.ts";

/** How long a program that answers nothing is asked. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The program that has the VM, and its process. */
export interface Answering extends AsyncDisposable {
  readonly side: IncomingSide;
  readonly pid: number;
}

/**
 * Reaches the program that has the VM.
 *
 * @returns undefined when there is none any more, and the old one may come back
 * @throws {NeedsPersonError} when one may have it that cannot be talked to
 */
export async function answering(
  leftover: Leftover,
): Promise<Answering | undefined> {
  const { journal: { vm }, keeper, process } = leftover;
  // While it is kept, only the process itself can answer at the monitor.
  if (keeper !== undefined && process === undefined) {
    return requireNotRun(leftover);
  }
  let client: QmpClient;
  try {
    client = await QmpClient.connectAgain(vm.address, {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    await requireSilenceOfNew(leftover, error);
    return requireNotRun(leftover);
  }
  const pid = client.peer?.pid;
  if (pid === undefined || !await isOfVm(pid, leftover)) {
    await client.close();
    throw stranger(leftover, pid);
  }
  const side = IncomingSide.attach(
    client,
    pid,
    pid === vm.pid ? "new" : "old",
  );
  return {
    side,
    pid,
    [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
  };
}

/** Whether a process is the VM's, or was its memory's keeper. */
async function isOfVm(
  pid: number,
  { journal: { vm }, directory }: Leftover,
): Promise<boolean> {
  const members = [vm, ...readKeepers(directory)];
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
  leftover: Leftover,
  cause: QmpError,
): Promise<void> {
  const { journal: { vm }, process } = leftover;
  if (process === undefined) return;
  if (cause instanceof QmpBusyError) {
    throw new NeedsPersonError("monitor-busy", messageOf(cause), {
      remedy: "End the other client, then run cprctl recover again",
      cause,
    });
  }
  const now = await readStateAndImage(vm.pid);
  // It ended while it was waited for.
  if (now === undefined || process.hasExited()) return;
  if (/^[Tt]/.test(now.state)) {
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
function requireNotRun(leftover: Leftover): undefined {
  const { journal: { vm }, keeper, process, mayHaveRun } = leftover;
  if (keeper === undefined) throw nobodyKeeps(leftover);
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
        `anew, end process ${keeper.pid}, which keeps its old memory`,
    },
  );
}

function stranger(
  { keeper, directory }: Leftover,
  pid: number | undefined,
): NeedsPersonError {
  const kept = keeper === undefined
    ? ""
    : `end process ${keeper.pid}, which keeps the old one's memory, and `;
  return new NeedsPersonError(
    "stranger",
    `Process ${pid} answers at the monitor, which is not the VM's that was ` +
      "left",
    {
      remedy: `If the VM was started anew, ${kept}remove "${directory.path}"`,
    },
  );
}
