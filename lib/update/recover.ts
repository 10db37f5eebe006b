/**
 * Ends what a cprctl that was killed began. What the VM is doing says how far
 * it got, not the journal:
 *
 * ```
 * monitor says                          the VM is
 * running                               done: tidied up
 * inmigrate, nothing asked for          loaded and resumed
 * inmigrate, under way                  waited for, then resumed
 * inmigrate, failed                     rolled back
 * paused, loaded                        resumed, if it ran before
 * finish-migrate                        given back by migrate_cancel
 * postmigrate                           resumed: the exec failed
 * nothing, or its process is gone       rolled back, if its state was saved and
 *                                       the keeper is there; else said plainly
 * ```
 *
 * @module
 */

import { PidFd } from "../../ffi/process.ts";
import { QmpClient, QmpError } from "../qmp/mod.ts";
import {
  messageOf,
  NeedsPersonError,
  UpdateError,
  UpdateProblem,
} from "./error.ts";
import { type VmRecord } from "./facts.ts";
import { asObject, text } from "./reply.ts";
import { notLocked } from "./images.ts";
import { type Journal, readJournal } from "./journal.ts";
import { VmLock } from "./lock.ts";
import { failureOf } from "./migration_status.ts";
import { MigrationSettings } from "./migration_settings.ts";
import { NewSide } from "./new_side.ts";
import { readStartTime } from "./proc.ts";
import { rollBack } from "./rollback.ts";
import { RunDirectory } from "./run_directory.ts";
import { standsStill } from "./run_state.ts";
import { SavedState } from "./saved_state.ts";
import { restoreThreads } from "./threads.ts";
import { Keeper } from "./world/keeper.ts";

/** How long a program that answers nothing is asked. */
const CONNECT_TIMEOUT_MS = 5_000;
const STEP_TIMEOUT_MS = 10_000;

/** What became of one VM. */
export interface Recovery {
  readonly vm: VmRecord;
  readonly outcome: "recovered" | "rolled-back" | "needs-person";
  /** One sentence for a person. */
  readonly message: string;
  readonly remedy?: string;
}

/** What recovering needs to know. */
export interface RecoverRequest {
  readonly timeoutMs: number;
}

/**
 * Ends every update that was left unfinished, all at once: most of it is
 * waiting. VMs in work are passed over.
 */
export async function recover(request: RecoverRequest): Promise<Recovery[]> {
  const directories = await Array.fromAsync(RunDirectory.leftOver());
  const recoveries = await Promise.all(
    directories.map((directory) => recoverUnlessLocked(directory, request)),
  );
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
  const journal = await readJournal(directory);
  if (journal === undefined) {
    await directory[Symbol.asyncDispose]();
    return undefined;
  }
  try {
    const recovery = await recoverOne(directory, journal, request);
    await directory[Symbol.asyncDispose]();
    return recovery;
  } catch (error) {
    // The directory stays: it is what a person, or the next try, has.
    return {
      vm: journal.vm,
      outcome: "needs-person",
      message: messageOf(error),
      ...error instanceof UpdateError && error.remedy !== undefined
        ? { remedy: error.remedy }
        : {},
    };
  }
}

async function recoverOne(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  await using keeper = await Keeper.find(directory.path);
  // While it is kept, only the process itself can answer at the monitor.
  const lost = keeper !== undefined && !await isAlive(journal.vm);
  const client = lost ? undefined : await connect(journal.vm);
  if (client !== undefined) {
    await using side = NewSide.attach(
      client,
      client.peer?.pid ?? journal.vm.pid,
    );
    const done = await finish(side, directory, journal.vm);
    if (done !== undefined) {
      const settings = new MigrationSettings(journal.settings);
      return withWarnings(done, await settings.giveBack(client));
    }
  }
  return await goBack(directory, journal, keeper, request);
}

/** The monitor's client; undefined when nobody answers. */
async function connect(vm: VmRecord): Promise<QmpClient | undefined> {
  try {
    return await QmpClient.connectAgain(vm.address, {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    if (error instanceof QmpError) return undefined;
    throw error;
  }
}

/**
 * Leads the VM on from where it is.
 *
 * @returns undefined when that cannot be, and the old program must come back
 */
async function finish(
  side: NewSide,
  directory: RunDirectory,
  vm: VmRecord,
): Promise<Recovery | undefined> {
  const { client } = side;
  let warnings: readonly string[] = [];
  for (;;) {
    const status = asObject(await client.execute("query-status"));
    const state = text(status["status"]);
    if (status["running"] === true) return recovered(vm, "runs", warnings);
    switch (state) {
      case "inmigrate":
        if (!await loadOnce(side, directory)) return undefined;
        continue;
      case "finish-migrate":
        await giveBack(client);
        continue;
      default:
        warnings = await restoreThreads(client, vm.pid, vm.threads);
        if (!vm.running) return await stay(side, vm, state, warnings);
        await side.resume();
    }
  }
}

/** Leaves the guest stopped, as it was. */
async function stay(
  side: NewSide,
  vm: VmRecord,
  state: string | undefined,
  warnings: readonly string[],
): Promise<Recovery> {
  const problem = await side.stay(vm);
  const asItWas = state === vm.runState ? ", as it was" : "";
  return recovered(vm, standsStill(state, vm) + asItWas, [
    ...warnings,
    ...problem === undefined ? [] : [notLocked(problem)],
  ]);
}

function recovered(
  vm: VmRecord,
  what: string,
  warnings: readonly string[],
): Recovery {
  return {
    vm,
    outcome: "recovered",
    message: [`The VM of process ${vm.pid} ${what}`, ...warnings].join("; "),
  };
}

function withWarnings(
  recovery: Recovery,
  warnings: readonly string[],
): Recovery {
  return {
    ...recovery,
    message: [recovery.message, ...warnings].join("; "),
  };
}

/** Loads the state, or waits for a load under way; false when it failed. */
async function loadOnce(
  side: NewSide,
  directory: RunDirectory,
): Promise<boolean> {
  const reply = asObject(await side.client.execute("query-migrate"));
  switch (text(reply["status"])) {
    case undefined:
    case "none":
      try {
        await side.load(`file:${directory.stateFile}`);
        return true;
      } catch (error) {
        if (error instanceof UpdateProblem) return false;
        throw error;
      }
    case "failed":
      return false;
    default:
      return await loaded(side.client);
  }
}

/** Waits for the end of a load that was begun before. */
async function loaded(client: QmpClient): Promise<boolean> {
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const status = asObject(await client.execute("query-status"));
    if (status["status"] !== "inmigrate") return true;
    const reply = asObject(await client.execute("query-migrate"));
    if (text(reply["status"]) === "failed") return false;
  }
  throw new UpdateProblem(
    "load-stuck",
    `The load does not come to an end: ${await failureOf(client)}`,
  );
}

/** Ends an outgoing migration; a VM that ran runs again. */
async function giveBack(client: QmpClient): Promise<void> {
  using watch = client.watch(["RESUME", "MIGRATION"]);
  await client.execute("migrate_cancel");
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  for (;;) {
    const status = asObject(await client.execute("query-status"));
    if (status["status"] !== "finish-migrate") return;
    const timeoutMs = deadline - performance.now();
    await watch.next(() => true, { timeoutMs });
  }
}

async function isAlive(vm: VmRecord): Promise<boolean> {
  try {
    return await readStartTime(vm.pid) === vm.startTime;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Ends the process and makes the keeper the old program. */
async function goBack(
  directory: RunDirectory,
  { vm, settings }: Journal,
  keeper: Keeper | undefined,
  request: RecoverRequest,
): Promise<Recovery> {
  const alive = await isAlive(vm);
  if (keeper === undefined) throw nobodyKeeps(vm, alive, directory);
  using state = new SavedState(directory.stateFile);
  state.keep(false);
  using process = alive ? PidFd.open(vm.pid) : null;
  const { pid, warnings } = await rollBack({
    facts: vm,
    process,
    keeper,
    state,
    timeoutMs: request.timeoutMs,
    settings: new MigrationSettings(settings),
  });
  return {
    vm,
    outcome: "rolled-back",
    message: [
      `The VM of process ${vm.pid} ${
        vm.running ? "runs" : `is ${vm.runState}`
      } on the old program, as process ${pid}`,
      ...warnings,
    ].join("; "),
  };
}

function nobodyKeeps(
  vm: VmRecord,
  alive: boolean,
  directory: RunDirectory,
): NeedsPersonError {
  return alive
    ? new NeedsPersonError(
      "not-kept",
      `Process ${vm.pid} does not answer, and nobody else has its memory`,
      { remedy: "Look at the process before anything else" },
    )
    : new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and the VM's memory with it`,
      {
        remedy: `Start the VM anew, then remove "${directory.path}", which ` +
          "has the devices' state only",
      },
    );
}
