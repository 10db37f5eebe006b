/**
 * What is done when a phase fails, and the error that reports the outcome.
 *
 * ```
 * refuse      nothing was touched; finds out whether the VM is still there
 * cancel      cancels the migration; the VM resumes on the source
 * roll back   ends the destination; the standby becomes the old program
 * return      ends the destination; the source resumes (cpr-transfer)
 * ```
 *
 * @module
 */

import { detachQueue } from "../../../ffi/tap_queue.ts";
import { codeOf, messageOf, remedyOf } from "../../errors.ts";
import { QmpClosedError } from "../../qmp/mod.ts";
import type { UpdateContext } from "../context.ts";
import { Deadline, END_TIMEOUT_MS, SETTLE_TIMEOUT_MS } from "../deadline.ts";
import {
  capital,
  ENDED,
  ENDED_UNTOUCHED,
  failure,
  isOver,
  RefusedError,
  RolledBackError,
  shutDown,
  ShutDownError,
  UpdateError,
} from "../error.ts";
import { howItEnded } from "../process/ending.ts";
import { forgetResumption } from "../run/journal.ts";
import { WrongPeerProblem } from "../transaction/destination.ts";
import { returnToSource } from "../transfer/return.ts";
import { removeOwnSet } from "../vm/left_open.ts";
import { runPhrase } from "../vm/run_state.ts";
import { rollBack as rollBackVm } from "./rollback.ts";
import { keepState } from "./keep_state.ts";

/** What a failed phase leads to, once the VM is touched. */
export type Recourse = "cancel" | "roll back" | "return";

const AGAIN = "Fix the cause, then run the same command again";
const RECOVER = "Fix the cause, then run cprctl recover";

const RECOURSES: Readonly<
  Record<
    Recourse,
    (context: UpdateContext, cause: unknown) => Promise<UpdateError>
  >
> = { "cancel": cancel, "roll back": rollBack, "return": returnToSource };

/**
 * Handles the failure of a phase.
 *
 * @returns the error that says in which state the VM is; whatever else was
 * thrown is an error of cprctl's own, and the VM is left to `cprctl recover`
 */
export async function failed(
  context: UpdateContext,
  recourse: Recourse | undefined,
  cause: unknown,
): Promise<unknown> {
  const take = recourse !== undefined && context.touched
    ? RECOURSES[recourse]
    : refuse;
  let error: unknown;
  try {
    error = await take(context, cause);
  } catch (unexpected) {
    error = unexpected;
  }
  // The guest runs again, or nothing more can be done for it in a hurry.
  context.urgency?.end();
  await settle(context, error);
  return error;
}

/** Nothing was touched. The VM may have ended by itself. */
async function refuse(
  context: UpdateContext,
  cause: unknown,
): Promise<UpdateError> {
  const refusal = refusalOf(cause);
  if (context.report === undefined) return refusal;
  const { facts: { pid }, shutdown } = context;
  const isFinding = cause instanceof UpdateError && cause.code !== ENDED;
  const isEnding = !isFinding || shutdown.why !== undefined;
  if (!await hasEnded(context, isEnding ? END_TIMEOUT_MS : 0)) return refusal;
  const why = await shutdown.whyItEnded();
  if (why !== undefined) return shutDown("untouched", pid, why, cause);
  // What a check found stands, even if the process ends now.
  if (isFinding) return refusal;
  return failure(
    "untouched",
    "nothing",
    ENDED_UNTOUCHED,
    `Process ${pid} ended before the VM was touched`,
    { remedy: "Find out what ended it, and start the VM again", cause },
  );
}

/** Every error before the VM is touched refuses the update. */
function refusalOf(cause: unknown): UpdateError {
  if (cause instanceof UpdateError) return cause;
  const advice = { remedy: remedyOf(cause), cause };
  return failure(
    "untouched",
    "source",
    codeOf(cause),
    messageOf(cause),
    advice,
  );
}

/** Whether the process has ended, or does so in this time. */
async function hasEnded(
  { facts, system }: UpdateContext,
  timeoutMs: number,
): Promise<boolean> {
  using process = await system.open(facts);
  return process === undefined || await process.exited(timeoutMs);
}

async function cancel(
  { ready: { source } }: UpdateContext,
  cause: unknown,
): Promise<UpdateError> {
  if (cause instanceof UpdateError) return cause;
  return await source.cancel(cause);
}

async function rollBack(
  context: UpdateContext,
  cause: unknown,
): Promise<UpdateError> {
  if (cause instanceof UpdateError) return cause;
  if (await context.destination?.hasRun() === true) return resumed(cause);
  await context.leaveDestination();
  await context.clock.begin("rollback");
  const { held, process, ready: { directory, state } } = context;
  const problem = await reasonOf(context, cause);
  await held.stderr.end();
  /** With the program's last output; read after the guest runs again. */
  const reason = async () => {
    const output = await held.stderr.read();
    return output === "" ? problem : `${problem}; it said: ${output}`;
  };
  forgetResumption(directory);
  if (!state.complete && keepState(context).error !== undefined) {
    const why = process.hasExited()
      ? await context.shutdown.whyItEnded()
      : undefined;
    return why !== undefined
      ? shutDown("moved", context.facts.pid, why, cause)
      : torn(context, await reason(), cause);
  }
  try {
    await runOldProgram(context, cause);
  } catch (error) {
    if (error instanceof ShutDownError) return error;
    return notRolledBack(error, await reason());
  } finally {
    held.connections.end();
  }
  const { facts, pidAfter } = context;
  const how = runPhrase(facts);
  return failure(
    "moved",
    "saved",
    "rolled-back",
    `${await reason()}; the VM ${how} on the old program, as process ${pidAfter}`,
    { remedy: remedyOf(cause) ?? AGAIN, cause },
  );
}

/** Ends the destination; the standby process becomes the old program. */
async function runOldProgram(
  context: UpdateContext,
  cause: unknown,
): Promise<void> {
  const { facts, held, plan, process, system, timeoutMs } = context;
  const { settings, standby, startStandby, state } = context.ready;
  const { pid, resume, warnings } = await rollBackVm({
    ...{ facts, process, standby, startStandby, state, settings },
    ...{ system, timeoutMs },
    commands: plan.carried.commands,
    memory: held.hold,
    queue: held.queue,
    intruder: cause instanceof WrongPeerProblem ? cause.pid : undefined,
  });
  context.pidAfter = pid;
  context.warn(...warnings);
  context.resume = resume ?? context.resume;
}

function resumed(cause: unknown): UpdateError {
  return failure(
    "moved",
    "ran",
    "resumed-meanwhile",
    `${messageOf(cause)}; another client resumed the guest on the new ` +
      "program, so it cannot be rolled back",
    { remedy: "Look at the VM before anything else", cause },
  );
}

function torn(
  { facts: { pid } }: UpdateContext,
  reason: string,
  cause: unknown,
): UpdateError {
  return failure(
    "moved",
    "torn",
    "state-incomplete",
    `${reason}; the VM's process ${pid} had not saved the devices yet, so ` +
      "the VM cannot be rolled back",
    { remedy: "Look at the process before anything else", cause },
  );
}

function notRolledBack(error: unknown, reason: string): UpdateError {
  const code = error instanceof UpdateError ? error.code : "rollback-failed";
  return failure(
    "moved",
    isOver(error) ? "ended" : "stuck",
    code,
    `${messageOf(error)}; the update had failed before: ${reason}`,
    { remedy: remedyOf(error) ?? RECOVER, cause: error },
  );
}

/** What went wrong; behind a closed connection, why the process ended. */
async function reasonOf(
  { process }: UpdateContext,
  cause: unknown,
): Promise<string> {
  const ended = cause instanceof QmpClosedError &&
    await process.exited(END_TIMEOUT_MS);
  return ended ? capital(await howItEnded(process)) : messageOf(cause);
}

/**
 * Keeps what `cprctl recover` needs if the VM may need it; restores the
 * settings of a source that still has the VM.
 */
async function settle(
  context: UpdateContext,
  error: unknown,
): Promise<void> {
  const { prepared, client, pidAfter, shutdown } = context;
  if (prepared === undefined) return;
  const { directory, standby, state, settings } = prepared;
  if (pidAfter === undefined) context.noteDowntime();
  if (isOver(error)) return; // directory and standby are disposed of
  if (context.touched && !isBack(error)) {
    directory.leave();
    if (state.complete || !context.process.hasExited()) standby.leave();
    return;
  }
  // After a rollback the settings were restored on the new process already.
  if (pidAfter !== undefined || shutdown.why !== undefined) return;
  if (context.process.hasExited()) return;
  // The source resumes, and expects them to be detached.
  context.attachedQueues.forEach(detachQueue);
  const settling = new Deadline(SETTLE_TIMEOUT_MS);
  const monitor = client.within(() => settling.left());
  if (context.plan.command.vhost.length > 0) await removeOwnSet(monitor);
  const problems = await settings.restore(monitor);
  if (problems.length > 0) directory.leave();
  context.warn(
    ...problems.map((it) => `${it}; cprctl recover will restore them`),
    ...await settings.reopenTerminals(monitor),
  );
}

/** Whether the VM is on its old program, as before. */
function isBack(error: unknown): boolean {
  return error instanceof RolledBackError || error instanceof RefusedError;
}
