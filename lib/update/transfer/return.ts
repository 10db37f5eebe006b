/**
 * What a failure of a cpr-transfer leads to: the destination is killed, and the
 * source, which still has everything, resumes.
 *
 * ```
 * the guest has run on the destination   the source is killed  needs person
 * the source has ended, all is loaded    both are left alone   needs person
 * the source has ended before that       nothing is left       needs person
 * otherwise                              the source resumes    rolled back
 * ```
 *
 * @module
 */

import { messageOf, remedyOf } from "../../errors.ts";
import { type QmpClient, QmpClosedError } from "../../qmp/mod.ts";
import type { Transfer, UpdateContext } from "../context.ts";
import {
  Deadline,
  END_TIMEOUT_MS,
  RESUME_TIMEOUT_MS,
  SETTLE_TIMEOUT_MS,
} from "../deadline.ts";
import {
  capital,
  ENDED,
  failure,
  isOver,
  shutDown,
  UpdateError,
  UpdateProblem,
} from "../error.ts";
import { pathsOf } from "../command/transfer_command.ts";
import { howItEnded, killProcess } from "../process/ending.ts";
import { vcpuThreads } from "../process/threads.ts";
import { forgetResumption } from "../run/journal.ts";
import { closeFillers } from "./closed_descriptors.ts";
import { goOn } from "./go_on.ts";
import { isLive } from "../vm/run_state.ts";
import { resumed, stopped } from "./parts.ts";

const AGAIN = "Fix the cause, then run the same command again";
const LOOK = "Look at the VM before anything else";

/** Ends the destination; the source resumes. */
export async function returnToSource(
  context: UpdateContext,
  cause: unknown,
): Promise<UpdateError> {
  const { transfer } = context;
  if (transfer === undefined) throw cause;
  const error = await outcomeOf(context, transfer, cause);
  const isSafe = error.outcome === "rolled-back" || isOver(error);
  if (!isSafe) transfer.directory.leave();
  return error;
}

async function outcomeOf(
  context: UpdateContext,
  transfer: Transfer,
  cause: unknown,
): Promise<UpdateError> {
  const { destination, facts, process, shutdown } = context;
  // Nothing may stop the source from here on.
  transfer.returns = true;
  const frozen = await destination?.freeze();
  if (frozen?.hasRun) return await onDestination(context, cause);
  await context.clock.begin("rollback");
  const problem = await reasonOf(transfer, cause);
  await transfer.stderr.end();
  // Finds out which of the two has closed its monitor: the one that ends.
  if (cause instanceof QmpClosedError) {
    await Promise.race(
      [process, transfer.process ?? process].map((it) =>
        it.exited(END_TIMEOUT_MS)
      ),
    );
  }
  const isWhole = transfer.isLoaded === true &&
    transfer.process?.hasExited() === false;
  const isGone = isWhole ? await isEnding(context) : process.hasExited();
  if (isGone && isWhole) {
    destination?.continueProcess();
    return onlyDestination(context, transfer, problem);
  }
  // Without a process, the standby ends with cprctl.
  const ending = transfer.process === undefined
    ? Promise.resolve(true)
    : killProcess(transfer.process);
  ending.catch(() => undefined); // awaited below, once the guest runs
  // Stopped and killed, it cannot run the guest, which does not wait until the
  // kernel has freed its memory.
  const isSure = frozen?.isStopped && isLive(facts) && !isGone;
  const ended = isSure || await ending;
  // All that it has said, if it could not be stopped before.
  await destination?.client.drain();
  if (await destination?.hasRun()) return await onDestination(context, cause);
  forgetResumption(transfer.directory);
  if (!ended) return stuck(transfer, problem);
  if (isGone) {
    const { pid } = facts;
    const why = await shutdown.whyItEnded();
    return why === undefined
      ? failure(
        "stopped",
        "nothing",
        ENDED,
        `${
          capital(await howItEnded(process))
        } before the new program had the ` +
          `VM: ${problem}`,
        { remedy: "Find out what ended it, and start the VM again", cause },
      )
      : shutDown("stopped", pid, why, cause);
  }
  let how: string;
  try {
    how = await resumeSource(context, transfer);
  } catch (error) {
    return failure(
      "stopped",
      "silent",
      "source-lost",
      `The old program, process ${facts.pid}, does not resume: ${
        messageOf(error)
      }; the update had failed before: ${problem}`,
      { remedy: "Fix the cause, then run cprctl recover", cause: error },
    );
  }
  if (!await ending) {
    context.warn(
      `${whatIsStuck(transfer)}; it is stopped and cannot run the guest`,
    );
  }
  const output = await transfer.stderr.read();
  const reason = output === "" ? problem : `${problem}; it said: ${output}`;
  return failure(
    "moved",
    "source",
    "rolled-back",
    `${reason}; the VM ${how} on the old program`,
    { remedy: remedyOf(cause) ?? AGAIN, cause },
  );
}

/** A source that was just killed takes a while to end. */
async function isEnding({ process, system }: UpdateContext): Promise<boolean> {
  try {
    return !await system.fence(process);
  } catch (error) {
    if (error instanceof UpdateProblem) return false; // it hangs in the kernel
    throw error;
  }
}

/**
 * Resumes the source, restores its settings, and cleans up.
 *
 * @returns how: completes "the VM"
 */
async function resumeSource(
  context: UpdateContext,
  transfer: Transfer,
): Promise<string> {
  const { handOver, settings } = transfer;
  const { facts, process, system } = context;
  await transfer.fence?.catch(() => undefined);
  // The commit may have ended the boost already.
  await using _urgency = system.urgency(facts.pid, vcpuThreads(facts.threads));
  process.sendSignal("SIGCONT");
  const limit = new Deadline(RESUME_TIMEOUT_MS);
  const client = context.client = await monitorOf(context, limit);
  using resumptions = client.watch(["RESUME"]);
  const { how, isLive, warnings } = await goOn(client, facts, limit);
  context.warn(...warnings);
  // It may have stopped the guest only now.
  context.stop ??= stopped(transfer);
  if (context.stop !== undefined && isLive) {
    // The source may have resumed the guest by itself.
    context.resume = resumed(transfer) ??
      await resumptions.next("RESUME", { timeoutMs: limit.left() });
  }
  const settling = new Deadline(SETTLE_TIMEOUT_MS);
  const monitor = client.within(() => settling.left());
  await closeFillers(monitor, transfer.fillers ?? 0);
  const problems = await settings.restore(monitor);
  if (problems.length > 0) transfer.directory.leave();
  context.warn(
    ...problems.map((it) => `${it}; cprctl recover will restore them`),
  );
  const paths = pathsOf(handOver);
  context.warn(...system.remove(paths, facts.identity.credentials));
  return how;
}

/** The source's monitor; the commit has closed the connection. */
async function monitorOf(
  context: UpdateContext,
  limit: Deadline,
): Promise<QmpClient> {
  const { client, facts, system } = context;
  try {
    // The update itself may have no time left.
    await client.within(() => limit.left()).execute("query-status");
    return client;
  } catch (error) {
    if (!(error instanceof QmpClosedError)) throw error;
  }
  return context.use(await system.reconnect(facts, limit.left()));
}

/** What went wrong; behind a closed connection, why the process ended. */
async function reasonOf(
  { process }: Transfer,
  cause: unknown,
): Promise<string> {
  const hasEnded = cause instanceof QmpClosedError &&
    await process?.exited(END_TIMEOUT_MS) === true;
  return hasEnded && process !== undefined
    ? `The new program failed: ${await howItEnded(process)}`
    : messageOf(cause);
}

/** Its memory and disks are newer than the source, which must not resume. */
async function onDestination(
  context: UpdateContext,
  cause: unknown,
): Promise<UpdateError> {
  // In this order: the source may not be stopped yet.
  await killProcess(context.process);
  context.destination?.continueProcess();
  if (cause instanceof UpdateError) return cause;
  return failure(
    "moved",
    "ran",
    "resumed-meanwhile",
    `${messageOf(cause)}; the guest has run on the new program, so it cannot ` +
      "be rolled back",
    { remedy: LOOK, cause },
  );
}

function onlyDestination(
  { facts: { pid } }: UpdateContext,
  { process }: Transfer,
  problem: string,
): UpdateError {
  return failure(
    "moved",
    "stuck",
    "source-ended",
    `${problem}; the old program, process ${pid}, has ended, and the new one ` +
      `has the VM, paused, as process ${process?.pid}`,
    { remedy: "If the new program may have it, run cprctl recover" },
  );
}

function whatIsStuck({ process }: Transfer): string {
  return `Process ${process?.pid}, the new program, does not end on SIGKILL`;
}

function stuck(transfer: Transfer, problem: string): UpdateError {
  return failure(
    "moved",
    "stuck",
    "process-stuck",
    `${whatIsStuck(transfer)}; until it has ended, the old program ` +
      `cannot resume the guest: ${problem}`,
    {
      remedy: "Find out what it waits for in the kernel, then run cprctl " +
        "recover",
    },
  );
}
