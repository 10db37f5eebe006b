/**
 * Moves a running VM onto a new program in the same process.
 *
 * ```
 * facts ─▶ preflight ─▶ prepare ─▶ migrate ─▶ hold ─▶ cut ─▶ load ─▶ commit
 *   nothing touched ────┘            VM stops │   exec │               VM runs
 *                                    ◀─ cancel┘
 * ```
 *
 * @module
 */

import { CprctlError } from "../errors.ts";
import {
  microsecondsBetween,
  type QmpAddress,
  QmpClient,
  QmpCommandError,
  type QmpEvent,
} from "../qmp/mod.ts";
import { UpdateError } from "./error.ts";
import { type Facts, gatherFacts, programOf, vmOf } from "./facts.ts";
import { hold } from "./hold.ts";
import { type NewCommand, newCommand } from "./command/new_command.ts";
import { NewSide } from "./new_side.ts";
import { OldSide } from "./old_side.ts";
import { PhaseClock, type PhaseObserver, round } from "./phase_clock.ts";
import { preflight, requireNoRefusal } from "./preflight/mod.ts";
import { type Report, REPORT_SCHEMA, type ReportError } from "./report.ts";
import { RunDirectory } from "./run_directory.ts";

/** What is asked for. */
export interface UpdateRequest {
  readonly address: QmpAddress;
  /** The program to move to; default: the path of the running one. */
  readonly binary?: string | undefined;
  /** Milliseconds for the new program to answer. */
  readonly timeoutMs: number;
  readonly observer?: PhaseObserver | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;

type Draft = { -readonly [K in keyof Report]: Report[K] };

/**
 * Updates one VM. Always comes back with a report; the error in it says what
 * went wrong and in which state the VM is.
 *
 * @throws {QmpConnectError} when the monitor cannot be reached at all
 */
export async function update(request: UpdateRequest): Promise<Report> {
  const clock = new PhaseClock(request.observer);
  clock.begin("facts");
  const client = await QmpClient.connect(request.address, {
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  let report: Draft | undefined;
  try {
    const facts = await gatherFacts(client);
    report = draftOf(facts);
    clock.begin("preflight");
    const binary = request.binary ?? facts.executable.path;
    const command = newCommand(facts, request.binary);
    report.command_changes = [...command.changes];
    report.checks = await preflight({ client, facts, command, binary });
    requireNoRefusal(report.checks);
    await transact(client, facts, command, request, clock, report);
    report.outcome = "updated";
    report.changed = true;
  } catch (error) {
    if (report === undefined) throw error;
    fail(report, error);
  } finally {
    await client.close();
  }
  clock.end();
  report.phases = [...clock.phases];
  return report;
}

async function transact(
  client: QmpClient,
  facts: Facts,
  command: NewCommand,
  request: UpdateRequest,
  clock: PhaseClock,
  report: Draft,
): Promise<void> {
  clock.begin("prepare");
  await using directory = await RunDirectory.create(facts);
  const uri = `file:${directory.stateFile}`;
  using old = new OldSide(client, facts);
  await old.prepare(command.argv);

  clock.begin("migrate");
  await old.migrate(uri);
  const stop = old.stopEvent;
  if (stop !== undefined) report.blackout_start_ms = sinceStart(stop, clock);

  clock.begin("hold");
  try {
    report.ram = (await hold(facts)).ram;
  } catch (error) {
    throw await old.cancel(error);
  }

  clock.begin("cut");
  await old.cut();
  await using fresh = await NewSide.connect(facts, request.timeoutMs);
  report.pid_after = facts.pid;
  const { version } = fresh.client;
  report.to = programOf(facts.program, version, command.argv[0] ?? "");

  clock.begin("load");
  await fresh.load(uri);

  clock.begin("commit");
  if (facts.running) {
    const resume = await fresh.resume();
    if (stop !== undefined) {
      report.blackout_ms = round(microsecondsBetween(stop, resume) / 1000);
    }
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

function fail(report: Draft, error: unknown): void {
  report.error = describe(error);
  if (error instanceof UpdateError) report.outcome = error.outcome;
  if (report.outcome !== "needs-person") report.pid_after = report.pid_before;
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
