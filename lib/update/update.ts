/**
 * Moves a running VM onto a new program in the same process, or puts it back.
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { PidFd } from "../../ffi/process.ts";
import { CprctlError } from "../errors.ts";
import {
  microsecondsBetween,
  type QmpAddress,
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpError,
  type QmpEvent,
} from "../qmp/mod.ts";
import { type LiveProcess, readLiveProcess } from "./command/live_process.ts";
import { type NewCommand, newCommand } from "./command/new_command.ts";
import { DeferredSignals } from "./deferred_signals.ts";
import { NeedsPersonError, RefusedError, UpdateError } from "./error.ts";
import { type Facts, gatherFacts, programOf, vmOf } from "./facts.ts";
import { VmLock } from "./lock.ts";
import { PhaseClock, type PhaseObserver, round } from "./phase_clock.ts";
import { preflight, requireNoRefusal } from "./preflight/mod.ts";
import { readStartTime } from "./proc.ts";
import { type Report, REPORT_SCHEMA, type ReportError } from "./report.ts";
import { type Course, runTransaction } from "./transaction.ts";
import { Anchors } from "./world/anchors.ts";
import { readWorld } from "./world/world.ts";

/** What is asked for. */
export interface UpdateRequest {
  readonly address: QmpAddress;
  /** The program to move to; default: the path of the running one. */
  readonly binary?: string | undefined;
  /** Milliseconds for the new program to answer. */
  readonly timeoutMs: number;
  /** The words that start cprctl, which a rollback needs. */
  readonly self: readonly string[];
  readonly observer?: PhaseObserver | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A killed process closes its monitor before it has ended. */
const END_TIMEOUT_MS = 2_000;

type Draft = { -readonly [K in keyof Report]: Report[K] };

/**
 * Updates one VM. Comes back with a report as soon as it knows the VM; the
 * error in it says what went wrong and in which state the VM is.
 *
 * @throws {RefusedError} when the monitor cannot be reached: nothing touched
 */
export async function update(request: UpdateRequest): Promise<Report> {
  const clock = new PhaseClock(request.observer);
  await clock.begin("facts");
  await using client = await connect(request.address);
  const facts = await gatherFacts(client);
  const report = draftOf(facts);
  const course: Course = { touched: false, warnings: report.warnings };
  using signals = new DeferredSignals();
  try {
    using _lock = await VmLock.take(facts.pid);
    await updateKnown(
      client,
      facts,
      request,
      { clock, signals },
      report,
      course,
    );
    report.outcome = "updated";
    report.changed = true;
  } catch (error) {
    fail(report, course.touched ? error : await untouched(facts, error));
  }
  if (course.touched) report.warnings.push(...signals.warnings());
  clock.end();
  report.phases = [...clock.phases];
  tell(report, course, facts, clock);
  return report;
}

async function connect(address: QmpAddress): Promise<QmpClient> {
  try {
    return await QmpClient.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    throw new RefusedError(error.code, error.message, {
      ...error.remedy === undefined ? {} : { remedy: error.remedy },
      cause: error,
    });
  }
}

async function updateKnown(
  client: QmpClient,
  facts: Facts,
  request: UpdateRequest,
  { clock, signals }: { clock: PhaseClock; signals: DeferredSignals },
  report: Draft,
  course: Course,
): Promise<void> {
  using process = await openProcess(facts);
  const world = await readWorld(facts.pid);
  using anchors = Anchors.open(facts.pid, world);
  await clock.begin("preflight");
  const binary = request.binary ?? facts.executable.path;
  const live = await readLiveProcess(facts.pid);
  const command = newCommand(facts, live, request.binary);
  report.command_changes = [...command.changes];
  report.to = {
    ...report.from,
    version: null,
    package: null,
    exe: command.argv[0] ?? null,
  };
  report.checks = await preflight({ client, facts, command, binary });
  requireNoRefusal(report.checks);
  await runTransaction({
    client,
    process,
    facts,
    world,
    anchors,
    command,
    oldArgv: oldCommand(facts, live).argv,
    self: request.self,
    timeoutMs: request.timeoutMs,
    signals,
    clock,
  }, course);
}

/** A descriptor of the process, which cannot come to mean another one. */
async function openProcess(facts: Facts): Promise<PidFd> {
  const process = PidFd.open(facts.pid);
  if (await readStartTime(facts.pid) === facts.startTime) return process;
  process[Symbol.dispose]();
  throw new RefusedError(
    "process-ended",
    `Process ${facts.pid} ended while it was looked at`,
  );
}

/** What starts the old program again, waiting for the state. */
function oldCommand(facts: Facts, live: LiveProcess): NewCommand {
  return facts.program === "cprctl"
    ? newCommand(facts, live)
    : newCommand(facts, live, facts.argv[0]);
}

/** Adds to the report what became known on the way. */
function tell(
  report: Draft,
  course: Course,
  facts: Facts,
  clock: PhaseClock,
): void {
  const { stop, resume, newVersion } = course;
  report.ram = course.ram ?? null;
  report.pid_after = course.pid ??
    (report.outcome === "needs-person" ? null : facts.pid);
  if (newVersion !== undefined) {
    report.to = programOf(facts.program, newVersion, report.to?.exe ?? "");
  }
  if (stop === undefined) return;
  report.blackout_start_ms = sinceStart(stop, clock);
  if (resume !== undefined) {
    report.blackout_ms = round(microsecondsBetween(stop, resume) / 1000);
  }
}

/** When an event happened, in milliseconds of the update's clock. */
function sinceStart({ timestamp }: QmpEvent, clock: PhaseClock): number {
  const at = timestamp.seconds * 1000 + timestamp.microseconds / 1000;
  return round(at - (Date.now() - clock.elapsed()));
}

function draftOf(facts: Facts): Draft {
  return {
    schema: REPORT_SCHEMA,
    outcome: "needs-person",
    changed: false,
    vm: vmOf(facts),
    pid_before: facts.pid,
    pid_after: null,
    mode: "cpr-exec",
    from: programOf(facts.program, facts.version, facts.executable.path),
    to: null,
    blackout_ms: null,
    blackout_start_ms: null,
    blackout_predicted_ms: null,
    phases: [],
    checks: [],
    command_changes: [],
    ram: null,
    rehearsal: null,
    warnings: [],
    error: null,
  };
}

/** Whatever goes wrong before the VM is touched refuses the update. */
/** What an error means for a VM that was not touched. */
async function untouched(facts: Facts, error: unknown): Promise<UpdateError> {
  const refusal = refusalOf(error);
  if (!(error instanceof QmpClosedError) || !await ends(facts)) return refusal;
  return new NeedsPersonError(
    "process-ended",
    `Process ${facts.pid} ended before the VM was touched: ${refusal.message}`,
    { remedy: "Find out what ended it, and start the VM again", cause: error },
  );
}

/** Whether the process is gone, or about to be. */
async function ends(facts: Facts): Promise<boolean> {
  try {
    using process = await openProcess(facts);
    return await process.exited(END_TIMEOUT_MS);
  } catch (error) {
    const gone = error instanceof RefusedError ||
      error instanceof Deno.errors.NotFound ||
      error instanceof OsError && error.code === "ESRCH";
    if (!gone) throw error;
    return true;
  }
}

function refusalOf(error: unknown): UpdateError {
  if (error instanceof UpdateError) return error;
  return new RefusedError(
    error instanceof CprctlError ? error.code : "internal",
    error instanceof Error ? error.message : String(error),
    {
      ...error instanceof CprctlError && error.remedy !== undefined
        ? { remedy: error.remedy }
        : {},
      cause: error,
    },
  );
}

function fail(report: Draft, error: unknown): void {
  report.error = describe(error);
  if (error instanceof UpdateError) report.outcome = error.outcome;
}

function describe(error: unknown): ReportError {
  if (error instanceof CprctlError) {
    const { cause } = error;
    return {
      code: error.code,
      message: error.message,
      remedy: error.remedy ?? null,
      qemu: cause instanceof QmpCommandError ? cause.description : null,
    };
  }
  return {
    code: "internal",
    message: error instanceof Error ? error.message : String(error),
    remedy: null,
    qemu: null,
  };
}
