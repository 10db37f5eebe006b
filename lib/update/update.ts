/**
 * Moves a running VM onto a new program in the same process, or rolls it back.
 * This is the only place that knows the order of the phases.
 *
 * ```
 * phase       what it does                               bounded by    a failure
 * facts       finds the VM and its process               the deadline  refuses
 * preflight   makes the command lines, and checks        the deadline  refuses
 * prepare     run directory, standby, warm-up            the deadline  refuses
 * migrate     stops the guest                     ┐ down 10 s          cancels
 * hold        duplicates its RAM, checks again    │ time the deadline  cancels
 * switchover  saves the devices, executes         │      the deadline  rolls back
 * load        loads them on the destination       │      10 s          rolls back
 * verify      compares the VM with what it was    │      10 s          rolls back
 * commit      lets the guest run                  ┘      10 s          rolls back
 * ```
 *
 * The point of no return is `cont` in the commit, not the exec: until then the
 * standby process holds the VM's memory, and the saved state is kept. A
 * rollback gets the time limit again. The outcome of a failure depends on what
 * is left of the VM: error.ts has the table, phases/failed.ts what is done.
 *
 * @module
 */

import { UpdateContext, type UpdateRequest } from "./context.ts";
import type { Deadline } from "./deadline.ts";
import { type Outcome, RolledBackError } from "./error.ts";
import { LINUX } from "./linux.ts";
import { failed, type Recourse } from "./phases/failed.ts";
import { facts, preflight } from "./phases/look.ts";
import { prepare } from "./phases/prepare.ts";
import { hold, migrate, switchover } from "./phases/stop.ts";
import { commit, load, verify } from "./phases/take_over.ts";
import type { Mode, PhaseName } from "./phase.ts";
import { addFailure, type Draft, type Report } from "./report/report.ts";
import { versionTold } from "./preflight/new_program.ts";
import type { System } from "./system.ts";
import { migrateLive, switchoverLive } from "./transfer/live.ts";
import {
  commitTransfer,
  migrateTransfer,
  prepareTransfer,
  verifyTransfer,
} from "./transfer/phases.ts";
import { switchoverTransfer } from "./transfer/switchover.ts";
import { refuseIfInterrupted } from "./transaction/deferred_signals.ts";
import { VmChangedProblem } from "./verify/fingerprint.ts";

export type { UpdateRequest } from "./context.ts";

/** One phase of an update. */
export interface Phase {
  readonly name: PhaseName;
  /** @returns "done" where nothing is left to do */
  readonly run: (context: UpdateContext) => Promise<"done" | void>;
  /** What a failure in it leads to; without one the update is refused. */
  readonly recourse?: Recourse;
}

/** What every update begins with: the checks choose the mode. */
const LOOK: readonly Phase[] = [
  { name: "facts", run: facts },
  { name: "preflight", run: preflight },
];

/** The phases of an update by cpr-exec, in their order. */
export const CPR_EXEC: readonly Phase[] = [
  ...LOOK,
  { name: "prepare", run: prepare },
  { name: "migrate", run: migrate, recourse: "cancel" },
  { name: "hold", run: hold, recourse: "cancel" },
  { name: "switchover", run: switchover, recourse: "roll back" },
  { name: "load", run: load, recourse: "roll back" },
  { name: "verify", run: verify, recourse: "roll back" },
  { name: "commit", run: commit, recourse: "roll back" },
];

/** The phases of an update by cpr-transfer: the guest waits from the fifth on. */
export const CPR_TRANSFER: readonly Phase[] = [
  ...LOOK,
  { name: "prepare", run: prepareTransfer },
  { name: "migrate", run: migrateTransfer, recourse: "return" },
  { name: "switchover", run: switchoverTransfer, recourse: "return" },
  { name: "verify", run: verifyTransfer, recourse: "return" },
  { name: "commit", run: commitTransfer, recourse: "return" },
];

/** The phases of an ordinary live migration on this host. */
export const LIVE: readonly Phase[] = CPR_TRANSFER.map((phase) => {
  if (phase.name === "migrate") return { ...phase, run: migrateLive };
  if (phase.name === "switchover") return { ...phase, run: switchoverLive };
  return phase;
});

const PHASES_BY: Readonly<Record<Mode, readonly Phase[]>> = {
  "cpr-exec": CPR_EXEC,
  "cpr-transfer": CPR_TRANSFER,
  "live": LIVE,
};

/** How often an update starts over when another client changed the VM. */
const NEW_STARTS = 2;

/** Which VM to check, and how. */
export interface CheckRequest extends UpdateRequest {
  /**
   * Whether to run every check even if the VM already executes the wanted
   * program. An update would skip it, but the next one might be refused.
   */
  readonly always?: boolean | undefined;
  /** Called with the command line that an update would execute. */
  readonly onCommand?: ((argv: readonly string[]) => void) | undefined;
}

/**
 * Updates one VM. If another client changed the VM after the checks, this is
 * found while the guest is stopped: the guest resumes on the source, and the
 * update starts over. Once the VM is known, a failure is returned in the
 * report: the error says what went wrong and in which state the VM is.
 *
 * @throws {RefusedError} when the monitor cannot be reached: nothing touched
 */
export async function update(
  request: UpdateRequest,
  system: System = LINUX,
): Promise<Report> {
  const earlier: Draft[] = [];
  let deadline: Deadline | undefined;
  for (;;) {
    await using context = new UpdateContext(request, system, deadline);
    deadline = context.deadline;
    const error = await run(context, "commit");
    const report = reportOf(context, error, "updated");
    if (!mayStartOver(context, error) || earlier.length === NEW_STARTS) {
      return withEarlier(report, earlier);
    }
    earlier.push(report);
  }
}

/**
 * Reports what an update would do: runs the same phases, up to the last one
 * that does not touch the VM.
 *
 * @throws {RefusedError} when the monitor cannot be reached
 */
export async function check(
  request: CheckRequest,
  system: System = LINUX,
): Promise<Report> {
  const { always, skipIfCurrent, binary, onCommand } = request;
  const skips = skipIfCurrent === true && always !== true;
  const wanted = { ...request, skipIfCurrent: skips };
  await using context = new UpdateContext(wanted, system);
  let outcome: Outcome = "would-update";
  const error = await run(context, "preflight", async () => {
    refuseIfInterrupted(context.signals);
    const { found, plan } = context;
    const isCurrent = skipIfCurrent === true &&
      await system.isCurrent(found, binary ?? found.successor);
    if (isCurrent) outcome = "up-to-date";
    else onCommand?.(plan.command.argv);
  });
  return reportOf(context, error, outcome);
}

/**
 * Runs the phases in order.
 *
 * @param until the last one
 * @param last called after it, unless a phase found nothing to do
 * @returns the error that says in which state the VM is; undefined if every
 * phase succeeded
 */
async function run(
  context: UpdateContext,
  until: PhaseName,
  last?: () => Promise<void>,
): Promise<unknown> {
  for (const { name, run, recourse } of phasesOf(context)) {
    try {
      await context.clock.begin(name);
      if (await run(context) === "done") break;
      if (name !== until) continue;
      await last?.();
      break;
    } catch (error) {
      return await failed(context, recourse, error);
    }
  }
  return undefined;
}

/** The mode is known once the checks have been made. */
function* phasesOf(context: UpdateContext): Iterable<Phase> {
  yield* LOOK;
  yield* PHASES_BY[context.plan.mode].slice(LOOK.length);
}

/** @throws the error of an update that failed before its VM was known */
function reportOf(
  context: UpdateContext,
  error: unknown,
  success: Outcome,
): Draft {
  const { report } = context;
  if (report === undefined) throw error;
  // If the new program's monitor has answered, it has given the version.
  if (report.to?.version === null) {
    report.to = { ...report.to, ...versionTold(report.checks) };
  }
  if (error !== undefined) addFailure(report, error);
  else if (report.outcome !== "up-to-date") report.outcome = success;
  report.changed = error === undefined && report.outcome !== "up-to-date";
  if (report.outcome === "up-to-date") {
    report.to = report.from;
    report.command_changes = [];
  }
  return context.finish(report);
}

/** Whether the VM is as before, and only a client's change was in the way. */
function mayStartOver(
  { touched, signals, deadline }: UpdateContext,
  error: unknown,
): boolean {
  return touched && error instanceof RolledBackError &&
    error.cause instanceof VmChangedProblem &&
    signals.seen.length === 0 && deadline.left() > 0;
}

/** Adds the warnings and the downtime of earlier attempts. */
function withEarlier(report: Draft, earlier: readonly Draft[]): Report {
  report.warnings.unshift(
    ...earlier.flatMap(({ warnings }) => warnings),
    ...earlier.map(({ error, downtime_ms: downtime }) =>
      `Started over: ${error?.message}` +
      (downtime === null ? "" : `; the guest was stopped for ${downtime} ms`)
    ),
  );
  // The last attempt may not have stopped the guest, but an earlier one did.
  report.downtime_ms ??= earlier.map((it) => it.downtime_ms)
    .filter((it) => it !== null)
    .reduce((longest: number | null, it) => Math.max(longest ?? 0, it), null);
  return report;
}
