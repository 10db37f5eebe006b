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
 * nothing, but the process lives        rolled back, if its state was saved
 * nothing, and the process is gone      lost: said plainly
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
import { asObject, text, type VmRecord } from "./facts.ts";
import { Hold } from "./hold.ts";
import { type Journal, readCprStateFile, readJournal } from "./journal.ts";
import { VmLock } from "./lock.ts";
import { failureOf } from "./migration_status.ts";
import { NewSide } from "./new_side.ts";
import { readStartTime } from "./proc.ts";
import { rollBack } from "./rollback.ts";
import { RunDirectory } from "./run_directory.ts";
import { SavedState } from "./saved_state.ts";
import { restoreThreads } from "./threads.ts";
import { Anchors } from "./world/anchors.ts";

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
  /** The words that start cprctl. */
  readonly self: readonly string[];
  readonly timeoutMs: number;
}

/** Ends every update that was left unfinished; VMs in work are passed over. */
export async function recover(request: RecoverRequest): Promise<Recovery[]> {
  const recoveries: Recovery[] = [];
  for await (const directory of RunDirectory.leftOver()) {
    const journal = await readJournal(directory);
    if (journal === undefined) {
      await directory[Symbol.asyncDispose]();
      continue;
    }
    recoveries.push(await recoverLocked(directory, journal, request));
  }
  await VmLock.tidy();
  return recoveries;
}

async function recoverLocked(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  const { vm } = journal;
  try {
    using _lock = await VmLock.take(vm.pid);
    const recovery = await recoverOne(directory, journal, request);
    await directory[Symbol.asyncDispose]();
    return recovery;
  } catch (error) {
    // The directory stays: it is what a person, or the next try, has.
    return {
      vm,
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
  const client = await connect(journal.vm);
  if (client === undefined) {
    return await withoutMonitor(directory, journal, request);
  }
  await using side = NewSide.attach(client);
  const done = await finish(side, directory, journal.vm);
  return done ?? await goBack(directory, journal, request);
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
        if (!vm.running) {
          return recovered(vm, `is ${state}, as it was`, warnings);
        }
        await side.resume();
    }
  }
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

async function withoutMonitor(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  const { vm } = journal;
  if (!await isAlive(vm)) {
    throw new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and the VM's memory with it`,
      {
        remedy: `Start the VM anew, then remove "${directory.path}", which ` +
          "has the devices' state only",
      },
    );
  }
  return await goBack(directory, journal, request);
}

async function isAlive(vm: VmRecord): Promise<boolean> {
  try {
    return await readStartTime(vm.pid) === vm.startTime;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Ends the process and starts the old program from what it still has. */
async function goBack(
  directory: RunDirectory,
  journal: Journal,
  request: RecoverRequest,
): Promise<Recovery> {
  const { vm, world, descriptors, oldArgv } = journal;
  const cprState = await readCprStateFile(directory);
  if (cprState === undefined) {
    throw new NeedsPersonError(
      "never-held",
      `Process ${vm.pid} does not answer, and its memory was never held`,
      { remedy: "Look at the process before anything else" },
    );
  }
  using state = new SavedState(directory.stateFile);
  state.keep(false);
  using process = PidFd.open(vm.pid);
  using hold = Hold.gather(process, cprState, descriptors);
  using anchors = Anchors.open(vm.pid, world, vm.executable);
  const { pid, warnings } = await rollBack({
    facts: vm,
    process,
    hold,
    state,
    world,
    anchors,
    argv: oldArgv,
    self: request.self,
    timeoutMs: request.timeoutMs,
    settings: undefined,
  });
  return {
    vm,
    outcome: "rolled-back",
    message: [
      `The VM of process ${vm.pid} runs on the old program, as process ${pid}`,
      ...warnings,
    ].join("; "),
  };
}
