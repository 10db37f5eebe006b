/**
 * What an update and a check of one have in common: all that is found out
 * before anything is touched.
 *
 * ```
 * connect ─▶ facts ─▶ up to date? ─▶ lock ─▶ command ─▶ preflight ─▶ act
 *    │                    │ yes                            │
 *    └ RefusedError       └ up-to-date                     └ refused
 * ```
 *
 * @module
 */

import { OsError } from "../../ffi/libc.ts";
import { PidFd } from "../../ffi/process.ts";
import { CprctlError } from "../errors.ts";
import { type QmpAddress, QmpClient, QmpError } from "../qmp/mod.ts";
import { readLiveProcess } from "./command/live_process.ts";
import {
  type NewCommand,
  newCommand,
  oldCommand,
} from "./command/new_command.ts";
import { Deadline } from "./deadline.ts";
import {
  ENDED_UNTOUCHED,
  NeedsPersonError,
  RefusedError,
  ShutDownError,
  UpdateError,
} from "./error.ts";
import { preflight, requireNoRefusal } from "./preflight/mod.ts";
import { ProcessFiles } from "./process/files.ts";
import { requireSame } from "./process/identity.ts";
import { hasRoomToTry } from "./process/memory_room.ts";
import { openNamed } from "./process/named_process.ts";
import { isGone, isSameIdentity } from "./process/proc.ts";
import { sealed } from "./report/sealed.ts";
import { addFailure, type Draft, draftOf } from "./report_draft.ts";
import { VmLock } from "./run/lock.ts";
import { DeferredSignals } from "./transaction/deferred_signals.ts";
import { PhaseClock, type PhaseObserver } from "./transaction/phase_clock.ts";
import { type Facts, gatherFacts } from "./vm/facts.ts";
import { Fingerprint } from "./vm/fingerprint.ts";
import { ShutdownWatch } from "./vm/shutdown.ts";
import { PinnedContext } from "./standby/pinned_context.ts";
import { Sandbox } from "./standby/sandbox.ts";
import { type ProcessContext, readContext } from "./standby/process_context.ts";

/** Which VM, and what for. */
export interface SurveyRequest {
  readonly address: QmpAddress;
  /** The program to move to; default: the path of the running one. */
  readonly binary?: string | undefined;
  /** Leave a VM alone that runs on that very file already. */
  readonly skipIfCurrent?: boolean | undefined;
  /** The words that start cprctl: it starts itself for what is confined. */
  readonly self: readonly string[];
  /** Whether a VM that goes back may be less confined than it was. */
  readonly allowWeakerConfinement?: boolean | undefined;
  readonly observer?: PhaseObserver | undefined;
  /** Milliseconds until the VM runs on the new program, or goes back. */
  readonly timeoutMs?: number | undefined;
  /** When that is; counted from now unless given. */
  readonly deadline?: Deadline | undefined;
}

/** A VM that may be moved, and everything that was found out. */
export interface SurveyedVm {
  readonly client: QmpClient;
  /** From the first answer on. */
  readonly shutdown: ShutdownWatch;
  readonly process: PidFd;
  readonly facts: Facts;
  readonly context: ProcessContext;
  readonly pinned: PinnedContext;
  /**
   * The VM's own confinement, for programs of its choosing; undefined where it
   * has no room for them.
   */
  readonly sandbox: Sandbox | undefined;
  /** Whether the operator named the new program, rather than the VM. */
  readonly namedByOperator: boolean;
  readonly command: NewCommand;
  /** What the VM was made of before the checks looked at it. */
  readonly fingerprint: Fingerprint;
  /** The old program's command line, made to wait as the new one's. */
  readonly oldArgv: readonly string[];
  /** Put off until this is over. */
  readonly signals: DeferredSignals;
  readonly deadline: Deadline;
  readonly clock: PhaseClock;
  readonly report: Draft;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;
const ENDED = "process-ended";
/** A killed process closes its monitor before it has ended. */
const END_TIMEOUT_MS = 2_000;

/**
 * Looks at a VM, and if nothing speaks against it, acts. Comes back with a
 * report as soon as it knows the VM; the error in it says what went wrong.
 *
 * @param act tells the report how it went; what it throws says that nothing was
 * touched
 * @throws {RefusedError} when the monitor cannot be reached
 */
export async function survey(
  request: SurveyRequest,
  act: (vm: SurveyedVm) => void | Promise<void>,
): Promise<Draft> {
  const deadline = request.deadline ??
    new Deadline(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  let connected: QmpClient | undefined;
  const clock = new PhaseClock(async (phase) => {
    const since = performance.now();
    // Whoever observes may hold it back until others are done. While another
    // guest stands still, this VM's monitor takes no time from it.
    connected?.pause();
    try {
      await request.observer?.(phase);
    } finally {
      connected?.resume();
    }
    deadline.extend(performance.now() - since);
    if (connected !== undefined) connected.deadline = deadline.at;
  });
  await clock.begin("facts");
  await using client = connected = await connect(request.address, deadline);
  using shutdown = new ShutdownWatch(client);
  const facts = await factsOf(client);
  const report = draftOf(facts);
  using signals = new DeferredSignals();
  try {
    if (request.skipIfCurrent === true && await isCurrent(facts, request)) {
      report.outcome = "up-to-date";
      report.to = report.from;
    } else {
      using _lock = await VmLock.take(facts.pid);
      await examine(
        { client, facts, shutdown, signals, deadline, clock, report },
        request,
        act,
      );
    }
  } catch (error) {
    addFailure(report, await untouched(facts, error, shutdown));
  }
  clock.end();
  report.warnings.push(
    ...clock.problems.map((problem) =>
      `The update could not be followed: ${problem}`
    ),
  );
  report.phases = [...clock.phases];
  return sealed(report);
}

async function connect(
  address: QmpAddress,
  deadline: Deadline,
): Promise<QmpClient> {
  try {
    const timeoutMs = deadline.left(CONNECT_TIMEOUT_MS);
    const client = await QmpClient.connect(address, { timeoutMs });
    client.deadline = deadline.at;
    return client;
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    throw new RefusedError(error.code, error.message, {
      ...error.remedy === undefined ? {} : { remedy: error.remedy },
      cause: error,
    });
  }
}

async function factsOf(client: QmpClient): Promise<Facts> {
  try {
    return await gatherFacts(client);
  } catch (error) {
    const { pid } = client.peer ?? {};
    if (pid === undefined || !isGone(error) || !await hasEnded(pid)) {
      throw refusalOf(error);
    }
    throw new RefusedError(
      ENDED,
      `Process ${pid} ended while it was looked at`,
      { cause: error },
    );
  }
}

async function hasEnded(pid: number): Promise<boolean> {
  try {
    using process = PidFd.open(pid);
    return await process.exited(END_TIMEOUT_MS);
  } catch (error) {
    if (error instanceof OsError && error.code === "ESRCH") return true;
    throw error;
  }
}

/**
 * Whether the VM executes the very file that it is to move to. Another file at
 * the same path is another program, whatever its version says.
 */
async function isCurrent(
  { pid, executable }: Facts,
  { binary = executable.path }: SurveyRequest,
): Promise<boolean> {
  const info = await new ProcessFiles(pid).stat(binary);
  if (info === undefined) return false;
  return isSameIdentity(info.identity, executable);
}

async function examine(
  known: Pick<
    SurveyedVm,
    | "client"
    | "facts"
    | "shutdown"
    | "signals"
    | "deadline"
    | "clock"
    | "report"
  >,
  request: SurveyRequest,
  act: (vm: SurveyedVm) => void | Promise<void>,
): Promise<void> {
  const { client, facts, clock, report } = known;
  using process = await openProcess(facts);
  const context = await readContext(facts.identity, request.self);
  using pinned = await PinnedContext.open(facts.identity, context);
  await requireSame(facts.identity);
  await clock.begin("preflight");
  const binary = request.binary ?? facts.executable.path;
  const namedByOperator = request.binary !== undefined;
  const live = await readLiveProcess(facts.pid);
  const command = newCommand(facts, live, request.binary);
  report.command_changes = [...command.changes];
  report.to = {
    ...report.from,
    version: null,
    package: null,
    exe: command.argv[0] ?? null,
  };
  const fingerprint = await Fingerprint.take(client);
  const { allowWeakerConfinement = false, self } = request;
  const sandbox = hasRoomToTry(facts.pid)
    ? new Sandbox(context, pinned.files, {
      self,
      strict: !allowWeakerConfinement,
    })
    : undefined;
  const oldArgv = oldCommand(facts, live);
  report.checks = await preflight({
    ...{ client, facts, command, oldArgv, binary, sandbox },
    namedByOperator,
    seccomp: context.seccomp,
    allowWeakerConfinement,
  });
  requireTime(known.deadline);
  requireNoRefusal(report.checks);
  await act({
    ...known,
    ...{ process, context, pinned, sandbox, command, fingerprint, oldArgv },
    namedByOperator,
  });
}

/** What ran out of time has nothing to say of the VM. */
function requireTime(deadline: Deadline): void {
  if (deadline.left() > 0) return;
  throw new RefusedError(
    "no-time-left",
    `The VM was not looked at to the end within ${deadline.timeoutMs} ms`,
    { remedy: "See whether its process hangs, or give it more time" },
  );
}

/** A descriptor of the process, which cannot come to mean another one. */
async function openProcess(facts: Facts): Promise<PidFd> {
  const process = await openNamed(facts);
  if (process !== undefined) return process;
  throw new RefusedError(
    ENDED,
    `Process ${facts.pid} ended while it was looked at`,
  );
}

/** What an error means for a VM that was not touched. */
async function untouched(
  facts: Facts,
  error: unknown,
  shutdown: ShutdownWatch,
): Promise<UpdateError> {
  const refusal = refusalOf(error);
  // A check refuses whatever becomes of the process.
  const found = error instanceof UpdateError && error.code !== ENDED &&
    shutdown.why === undefined;
  if (found || !await ends(facts)) return refusal;
  if (shutdown.why !== undefined) {
    return new ShutDownError(facts.pid, shutdown.why, error);
  }
  return new NeedsPersonError(
    ENDED_UNTOUCHED,
    `Process ${facts.pid} ended before the VM was touched`,
    { remedy: "Find out what ended it, and start the VM again", cause: error },
  );
}

/** Whether the process is gone, or about to be. */
async function ends(facts: Facts): Promise<boolean> {
  using process = await openNamed(facts);
  return process === undefined || await process.exited(END_TIMEOUT_MS);
}

/** Whatever goes wrong before the VM is touched refuses the update. */
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
