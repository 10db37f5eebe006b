/**
 * Back to the old program, from what is held: whatever the new one did, guest
 * RAM and the saved state are as they were.
 *
 * @module
 */

import { PidFd, type ProcessHandle } from "../../../ffi/process.ts";
import { readStat } from "../../proc/stat.ts";
import { ifThere, ifThereSync } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { QmpCommandError, type QmpEvent } from "../../qmp/mod.ts";
import { Deadline } from "../deadline.ts";
import { UpdateError } from "../error.ts";
import { failure } from "../failure.ts";
import { staysInPlace } from "../process/service.ts";
import type { StandbyPort, StatePort, System } from "../system.ts";
import type { VmRecord } from "../vm/facts.ts";
import { notLocked } from "../vm/images.ts";
import type { MigrationSettings } from "../vm/migration_settings.ts";
import { isLive } from "../vm/run_state.ts";
import type { Destination } from "../transaction/destination.ts";
import type { MonitorQueue } from "../transaction/monitor_queue.ts";
import { ANOTHER_STANDBY_TIMEOUT_MS, KILL_TIMEOUT_MS } from "../timeouts.ts";

/** Between two attempts to let the guest run; then twice as long each time. */
const FIRST_DELAY_MS = 20;

/** What there is to go back with. */
export interface RollbackInput {
  readonly facts: VmRecord;
  /** The process to end; null where it is gone already. */
  readonly process: ProcessHandle | null;
  /** Who holds the memory and becomes the old program. */
  readonly standby: StandbyPort;
  /** Another one: the memory is held here as well. */
  readonly anotherStandby: () => Promise<StandbyPort>;
  /** A process that answers at the monitor in place of the VM's own. */
  readonly intruder?: number | undefined;
  /** Where the monitor's socket outlives its program. */
  readonly queue: MonitorQueue;
  readonly state: StatePort;
  readonly system: Pick<System, "destination" | "restoreThreads" | "urgency">;
  readonly timeoutMs: number;
  /** The migration settings of before. */
  readonly settings: MigrationSettings;
}

/** What became of a VM that went back. */
export interface RollbackResult {
  /** The VM's process from now on. */
  readonly pid: number;
  /** The RESUME event; undefined where the VM was not running. */
  readonly resume: QmpEvent | undefined;
  /** What could not be given back to its threads. */
  readonly warnings: readonly string[];
}

/**
 * Ends the new program and starts the old one in its place; once more, as long
 * as there is time, when that does not take the VM back.
 *
 * @throws {NeedsPersonError} when it never does
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
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

/**
 * Another standby; asked for again while none comes, also when the time is over:
 * this process alone holds the memory, and ends.
 */
async function anotherStandby(input: RollbackInput): Promise<StandbyPort> {
  const deadline = new Deadline(ANOTHER_STANDBY_TIMEOUT_MS);
  for (let delayMs = FIRST_DELAY_MS;; delayMs *= 2) {
    try {
      return await input.anotherStandby();
    } catch (error) {
      if (deadline.left() < delayMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

/** One attempt; the process is gone when it fails. */
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
    await old.load(`file:${input.state.path}`);
    const warnings = [
      ...placeLost(input.facts, standby),
      ...await input.system.restoreThreads(
        old.client,
        pid,
        input.facts.threads,
      ),
    ];
    const resume = isLive(input.facts)
      ? await resumeAgain(old, deadline)
      : undefined;
    urgency.end();
    if (!isLive(input.facts)) {
      warnings.push(...await stayAgain(old, input.facts, deadline));
    }
    warnings.push(...await input.settings.giveAll(old.client));
    await old.requireLasting();
    return { pid, resume, warnings };
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    await endProcess(process);
    throw error;
  }
}

/** What the old program's new process has no more. */
function placeLost(facts: VmRecord, standby: StandbyPort): string[] {
  const problems = standby.problems.map((it) =>
    `The process did not get back its ${it}`
  );
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
    "The old program does not take the VM back, and the VM does not run: " +
      `${messageOf(cause)}; its memory is kept`,
    { remedy: "Fix the cause, then run cprctl recover", cause },
  );
}

/**
 * Lets the guest run; asks again while that is refused: another process may
 * have a disk's lock, and give it back.
 */
async function resumeAgain(
  old: Destination,
  deadline: Deadline,
): Promise<QmpEvent> {
  let refusal: QmpCommandError | undefined;
  const event = await repeat(deadline, async () => {
    try {
      return await old.resume();
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      refusal = error;
      return undefined;
    }
  });
  if (event === undefined) throw refusal;
  return event;
}

/** Leaves the guest stopped; the images may come back as well. */
async function stayAgain(
  old: Destination,
  facts: VmRecord,
  deadline: Deadline,
): Promise<string[]> {
  let problem: string | undefined;
  const done = await repeat(deadline, async () => {
    problem = await old.stay(facts);
    return problem === undefined ? true : undefined;
  });
  return done === true || problem === undefined ? [] : [notLocked(problem)];
}

/** Tries until there is a result; undefined when there is no time any more. */
async function repeat<T>(
  deadline: Deadline,
  attempt: () => Promise<T | undefined>,
): Promise<T | undefined> {
  for (let delayMs = FIRST_DELAY_MS;; delayMs *= 2) {
    const result = await attempt();
    if (result !== undefined || deadline.left() < delayMs) return result;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

/**
 * Ends the VM's process, and whoever answers in its place if it is that
 * process's child: a program that starts a QEMU rather than to become one.
 */
async function endProcesses(
  process: ProcessHandle,
  intruder: number | undefined,
): Promise<void> {
  // Opened first: then it is that child, or none.
  using other = intruder === undefined
    ? undefined
    : ifThereSync(() => PidFd.open(intruder));
  const isChild = other !== undefined &&
    (await ifThere(readStat(other.pid)))?.parent === process.pid;
  await endProcess(process);
  if (isChild) await endProcess(other);
}

/** SIGKILL, never `quit`: that would mark persistent bitmaps inconsistent. */
async function endProcess(process: ProcessHandle): Promise<void> {
  if (!process.hasExited()) process.sendSignal("SIGKILL");
  if (await process.exited(KILL_TIMEOUT_MS)) return;
  throw failure(
    "moved",
    "stuck",
    "process-stuck",
    `Process ${process.pid} does not end on SIGKILL; while it is there the ` +
      "VM cannot be started elsewhere",
    { remedy: "Find out what it waits for in the kernel, then run it again" },
  );
}
