/**
 * Rolls back to the old program, from the preserved descriptors and the saved
 * state. Both are unchanged, because the guest has not run on the new program.
 *
 * @module
 */

import { PidFd, type ProcessHandle } from "../../../ffi/process.ts";
import { readStat } from "../../proc/stat.ts";
import { ifThere, ifThereSync } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { QmpCommandError, type QmpEvent } from "../../qmp/mod.ts";
import { sleep } from "../../sleep.ts";
import { ANOTHER_STANDBY_TIMEOUT_MS, Deadline } from "../deadline.ts";
import { killProcess } from "../process/ending.ts";
import { failure, UpdateError, UpdateProblem } from "../error.ts";
import type { CarriedCommand } from "../carry/carried.ts";
import { sendCommands } from "../carry/send.ts";
import { staysInPlace } from "../process/service.ts";
import { type Preserved, sentAmong } from "../standby/holdings.ts";
import type { StandbyPort, StatePort, System } from "../system.ts";
import type { VmRecord } from "../vm/facts.ts";
import { notLocked } from "../vm/images.ts";
import type { MigrationSettings } from "../vm/settings.ts";
import { isLive } from "../vm/run_state.ts";
import { restoreTpmPage } from "../vm/tpm_page.ts";
import type { Destination } from "../transaction/destination.ts";
import type { MonitorQueue } from "../transaction/connections.ts";

/** Between the first two attempts; doubled each time. */
const FIRST_DELAY_MS = 20;

/** What a rollback needs. */
export interface RollbackInput {
  readonly facts: VmRecord;
  /** The process to end; null if it has ended already. */
  readonly process: ProcessHandle | null;
  /** Holds the memory and becomes the old program. */
  readonly standby: StandbyPort;
  readonly startStandby: () => Promise<StandbyPort>;
  /** This process holds the same as the standby, for another one. */
  readonly memory: { readonly preserved: readonly Preserved[] };
  /** A process that answers at the monitor instead of the VM's own. */
  readonly intruder?: number | undefined;
  /** Needed if the monitor's socket outlives the program. */
  readonly queue: MonitorQueue;
  readonly state: StatePort;
  readonly system: Pick<
    System,
    "destination" | "restoreThreads" | "urgency" | "renewVhost"
  >;
  readonly timeoutMs: number;
  /** The migration settings before the update. */
  readonly settings: MigrationSettings;
  /** What was changed at run time and is no argument. */
  readonly commands: readonly CarriedCommand[];
}

/** The result of a rollback. */
export interface RollbackResult {
  /** The VM's process from now on. */
  readonly pid: number;
  /** The RESUME event; undefined if the VM was not running. */
  readonly resume: QmpEvent | undefined;
  /** What could not be restored. */
  readonly warnings: readonly string[];
}

/**
 * Ends the new program and starts the old one instead. Retries with another
 * standby while there is time.
 *
 * @throws {NeedsPersonError} when no attempt succeeds
 */
export async function rollBack(input: RollbackInput): Promise<RollbackResult> {
  if (input.process !== null) await endProcesses(input.process, input.intruder);
  input.state.restore();
  const deadline = new Deadline(input.timeoutMs);
  await using stack = new AsyncDisposableStack();
  let { standby } = input;
  let first: unknown;
  for (let delayMs = FIRST_DELAY_MS;; delayMs *= 2) {
    try {
      return await becomeOld(standby, input, deadline);
    } catch (error) {
      if (error instanceof UpdateError) throw error;
      // Later attempts may fail only because time ran out.
      first ??= error;
      const another = await anotherStandby(input);
      if (deadline.left() < delayMs) {
        another.leave();
        throw failed(first);
      }
      standby = stack.use(another);
      await sleep(delayMs);
    }
  }
}

/**
 * Starts another standby. Has a time limit of its own: without a standby the
 * memory is lost when this process ends.
 */
async function anotherStandby(input: RollbackInput): Promise<StandbyPort> {
  return await retry(new Deadline(ANOTHER_STANDBY_TIMEOUT_MS), async () => {
    const standby = await input.startStandby();
    using fresh = input.system.renewVhost(input.memory.preserved);
    await standby.hold(fresh.all);
    return standby;
  });
}

/** One attempt; when it fails, the process has ended. */
async function becomeOld(
  standby: StandbyPort,
  input: RollbackInput,
  deadline: Deadline,
): Promise<RollbackResult> {
  await using urgency = input.system.urgency(standby.pid);
  using process = await standby.go();
  input.queue.end();
  const { pid } = process;
  try {
    await using old = await input.system.destination(
      { ...input.facts, pid },
      "old",
      deadline.left(),
    );
    using fresh = input.system.renewVhost(sentAmong(input.memory.preserved));
    const lost = await sendCommands(
      old.client,
      input.commands,
      fresh.all,
    );
    await old.load(`file:${input.state.path}`);
    const page = await restoreTpmPage(old.client, { ...input.facts, pid });
    const warnings = [
      ...lost,
      ...page === undefined ? [] : [page],
      ...contextLost(input.facts, standby),
      ...await input.system.restoreThreads(
        old.client,
        pid,
        input.facts.threads,
      ),
    ];
    urgency.endBoost();
    const event = isLive(input.facts) ? await resume(old, deadline) : undefined;
    urgency.end();
    if (!isLive(input.facts)) {
      warnings.push(...await keepStopped(old, input.facts, deadline));
    }
    warnings.push(...await input.settings.restoreAll(old.client));
    await old.requireStable();
    return { pid, resume: event, warnings };
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    await endProcess(process);
    throw error;
  }
}

/** The parts of the process context that the new process lacks. */
function contextLost(facts: VmRecord, standby: StandbyPort): string[] {
  const problems = standby.problems.map((it) => `The process lost its ${it}`);
  if (staysInPlace(facts)) return problems;
  return [
    ...problems,
    `The process is no longer in the service "${facts.service?.name}"`,
  ];
}

function failed(cause: unknown): UpdateError {
  return failure(
    "moved",
    "stuck",
    "rollback-failed",
    "The rollback failed: the old program cannot run the VM: " +
      `${messageOf(cause)}; the VM does not run, its memory is kept`,
    { remedy: "Fix the cause, then run cprctl recover", cause },
  );
}

/**
 * Resumes the guest; retries while that is refused: another process may hold
 * the lock of an image for a moment.
 */
async function resume(
  old: Destination,
  deadline: Deadline,
): Promise<QmpEvent> {
  const isRefusal = (error: unknown) => error instanceof QmpCommandError;
  return await retry(deadline, () => old.resume(), isRefusal);
}

/** Keeps the guest stopped; retries to lock its images. */
async function keepStopped(
  old: Destination,
  facts: VmRecord,
  deadline: Deadline,
): Promise<string[]> {
  try {
    await retry(deadline, async () => {
      const problem = await old.keepStopped(facts);
      if (problem !== undefined) {
        throw new UpdateProblem("images-taken", problem);
      }
    }, (error) => error instanceof UpdateProblem);
    return [];
  } catch (error) {
    if (!(error instanceof UpdateProblem)) throw error;
    return [notLocked(error.message)];
  }
}

/**
 * Repeats an attempt that fails as expected, while there is time.
 *
 * @param isExpected what may pass; default: every error
 */
async function retry<T>(
  deadline: Deadline,
  attempt: () => Promise<T>,
  isExpected: (error: unknown) => boolean = () => true,
): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS;; delayMs *= 2) {
    try {
      return await attempt();
    } catch (error) {
      if (!isExpected(error) || deadline.left() < delayMs) throw error;
    }
    await sleep(delayMs);
  }
}

/**
 * Ends the VM's process, and the one that answers instead if that is its child:
 * a wrapper that starts QEMU rather than executing it.
 */
async function endProcesses(
  process: ProcessHandle,
  intruder: number | undefined,
): Promise<void> {
  // Opened before its parent is read: the pid cannot be reused in between.
  using other = intruder === undefined
    ? undefined
    : ifThereSync(() => PidFd.open(intruder));
  const isChild = other !== undefined &&
    (await ifThere(readStat(other.pid)))?.parent === process.pid;
  await endProcess(process);
  if (isChild) await endProcess(other);
}

async function endProcess(process: ProcessHandle): Promise<void> {
  if (await killProcess(process)) return;
  throw failure(
    "moved",
    "stuck",
    "process-stuck",
    `Process ${process.pid} does not end on SIGKILL; until it has ended, the ` +
      "VM cannot be rolled back",
    {
      remedy: "Find out what it waits for in the kernel, then run cprctl " +
        "recover",
    },
  );
}
