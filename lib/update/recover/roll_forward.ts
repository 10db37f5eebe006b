/**
 * Leads a VM on from where it is. What it is doing says how far it got, not the
 * journal:
 *
 * ```
 * monitor says                          the VM is
 * running                               done: tidied up
 * inmigrate, nothing asked for          loaded and resumed
 * inmigrate, under way                  waited for, then resumed
 * inmigrate, failed                     rolled back
 * paused, loaded                        resumed, if it ran or slept before
 * suspended, io-error, shutdown, …      done: the guest did that itself
 * finish-migrate                        given back by migrate_cancel
 * postmigrate                           resumed: the exec failed
 * ```
 *
 * @module
 */

import { type QmpClient, QmpCommandError, QmpError } from "../../qmp/mod.ts";
import { queryMigrate, queryStatus } from "../../qmp/types/mod.ts";
import { UpdateProblem } from "../error.ts";
import { restoreThreads } from "../process/threads.ts";
import { Urgency } from "../process/urgency.ts";
import type { RunDirectory } from "../run/directory.ts";
import { forgetResumption, noteResumption } from "../run/journal.ts";
import type { Destination } from "../transaction/destination.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { notLocked } from "../vm/images.ts";
import { failureOf } from "../vm/migration_status.ts";
import { isLive, isReachedByGuest, standsStill } from "../vm/run_state.ts";
import type { Answering } from "./answering.ts";
import { recovered, type Recovery, type Unfinished } from "./recovery.ts";
import { STEP_TIMEOUT_MS } from "../timeouts.ts";

/**
 * Leads the VM on.
 *
 * @returns why that cannot be, in words, when the old program must come back
 */
export async function rollForward(
  { side, pid }: Answering,
  unfinished: Unfinished,
): Promise<Recovery | string> {
  const { directory, journal: { vm } } = unfinished;
  const { client } = side;
  let warnings: readonly string[] = [];
  await using _urgency = Urgency.of(pid);
  for (;;) {
    const { running, status: state } = await queryStatus(client);
    if (running) {
      return recovered(vm, pid, "runs", warnings);
    }
    switch (state) {
      case "inmigrate": {
        const problem = await loadOnce(side, directory);
        if (problem !== undefined) return problem;
        continue;
      }
      case "finish-migrate":
        await giveBack(client);
        continue;
      default:
        warnings = await restoreThreads(client, pid, vm.threads);
        if (!isLive(vm) || isReachedByGuest(state)) {
          const problem = await side.stay(vm);
          const asItWas = state === vm.runState ? ", as it was" : "";
          return recovered(vm, pid, standsStill(state, vm) + asItWas, [
            ...warnings,
            ...problem === undefined ? [] : [notLocked(problem)],
          ]);
        }
        await resume(side, unfinished, state);
        await side.requireLasting();
    }
  }
}

/** Lets the guest run; where it surely did not, it may be put back later. */
async function resume(
  side: Destination,
  { directory, mayHaveRun }: Unfinished,
  state: string | undefined,
): Promise<void> {
  noteResumption(directory);
  try {
    await side.resume();
  } catch (error) {
    const refused = error instanceof QmpCommandError ||
      error instanceof QmpError && side.hasEnded();
    // Any other state than that after the load is one that it ran into.
    const surelyNot = refused && !mayHaveRun && state === "paused" &&
      !await side.hasRun();
    if (surelyNot) forgetResumption(directory);
    side.goOn();
    throw error;
  }
}

/**
 * Loads the state, or waits for a load under way.
 *
 * @returns why it failed; undefined when it did not
 */
async function loadOnce(
  side: Destination,
  directory: RunDirectory,
): Promise<string | undefined> {
  const { status } = await queryMigrate(side.client);
  switch (status) {
    case undefined:
    case "none":
      try {
        settle(directory);
        await side.load(`file:${directory.stateFile}`);
        return undefined;
      } catch (error) {
        if (error instanceof UpdateProblem) return error.message;
        throw error;
      }
    case "failed":
      return await cannotLoad(side.client);
    default:
      return await loaded(side.client);
  }
}

/** Makes the state one that a program loads, if it is whole. */
function settle({ stateFile }: RunDirectory): void {
  using state = SavedState.open(stateFile);
  state.keep(true);
}

/** Waits for the end of a load that was begun before. */
async function loaded(client: QmpClient): Promise<string | undefined> {
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if ((await queryStatus(client)).status !== "inmigrate") return undefined;
    const { status } = await queryMigrate(client);
    if (status === "failed") return await cannotLoad(client);
  }
  throw new UpdateProblem(
    "load-stuck",
    `The load does not come to an end: ${await failureOf(client)}`,
  );
}

async function cannotLoad(client: QmpClient): Promise<string> {
  return `The program cannot load the state: ${await failureOf(client)}`;
}

/** Ends an outgoing migration; a VM that ran runs again. */
async function giveBack(client: QmpClient): Promise<void> {
  using watch = client.watch(["RESUME", "MIGRATION"]);
  await client.execute("migrate_cancel");
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  for (;;) {
    if ((await queryStatus(client)).status !== "finish-migrate") return;
    const timeoutMs = deadline - performance.now();
    await watch.next(() => true, { timeoutMs });
  }
}
