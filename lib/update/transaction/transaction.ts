/**
 * The transaction: whatever happens after the VM stopped, it ends with the VM
 * on the new program or on the old one.
 *
 * ```
 * prepare ─▶ migrate ─▶ hold ─▶ switchover ─▶ load ─▶ commit
 *    │          │ VM stops │     │ exec │        │ VM runs
 *    └ refused  └─ cancel ─┘     └──────┴────────┴─▶ rollback: the old program
 * ```
 *
 * The point of no return is `cont`, not exec: until then a standby beside the VM
 * holds its memory, and the saved state is kept.
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import {
  type QmpClient,
  QmpClosedError,
  type QmpEvent,
} from "../../qmp/mod.ts";
import { CommandLine } from "../command/command_line.ts";
import type { NewCommand } from "../command/new_command.ts";
import { plainTerminals } from "../command/character_device.ts";
import type { Deadline } from "../deadline.ts";
import {
  adviceOf,
  capital,
  EndedAfterResumeError,
  isOver,
  messageOf,
  NeedsPersonError,
  RolledBackError,
  ShutDownError,
  UpdateError,
  UpdateProblem,
} from "../error.ts";
import { requireSameNow, requireSameUser } from "../process/identity.ts";
import { howItEnded } from "../process/ending.ts";
import { OldMemory } from "../process/old_memory.ts";
import { lastingGroups } from "../process/service.ts";
import { restoreThreads } from "../process/threads.ts";
import { Urgency } from "../process/urgency.ts";
import { RunDirectory } from "../run/directory.ts";
import {
  forgetResumption,
  noteResumption,
  writeJournal,
} from "../run/journal.ts";
import { type Facts, recordOf } from "../vm/facts.ts";
import { Fingerprint } from "../vm/fingerprint.ts";
import { MigrationSettings } from "../vm/migration_settings.ts";
import type { ShutdownWatch } from "../vm/shutdown.ts";
import { userConnections } from "../vm/user_connections.ts";
import { isLive } from "../vm/run_state.ts";
import { PciDevices } from "../vm/pci_devices.ts";
import { isInPlace } from "../vm/ram_files.ts";
import { isEmptyPage, TPM_BLOCK } from "../vm/tpm_page.ts";
import type { PinnedContext } from "../standby/pinned_context.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import { Standby } from "../standby/standby.ts";
import type { ProcessContext } from "../standby/process_context.ts";
import {
  type DeferredSignals,
  refuseIfInterrupted,
} from "./deferred_signals.ts";
import { HeldConnections } from "./held_connections.ts";
import { Hold } from "./hold.ts";
import { Destination, WrongPeerProblem } from "./destination.ts";
import { LastWords, saidSoFar, STDERR } from "./last_words.ts";
import { MonitorQueue } from "./monitor_queue.ts";
import { type Before, Source } from "./source.ts";
import { readAhead } from "./page_cache.ts";
import type { PhaseClock } from "./phase_clock.ts";
import { rollBack } from "./rollback.ts";
import { SavedState } from "./saved_state.ts";
import { warmUp } from "./warm_up.ts";

/** A killed process closes its monitor before it has ended. */
const END_TIMEOUT_MS = 2_000;
const AGAIN = "Fix the cause, then run the same command again";
const RECOVER = "Fix the cause, then run cprctl recover";
/** For what is done once the VM is where it has to be. */
const SETTLE_TIMEOUT_MS = 10_000;

/** Everything that was found out before. */
export interface TransactionOrder {
  readonly client: QmpClient;
  readonly shutdown: ShutdownWatch;
  readonly process: PidFd;
  readonly facts: Facts;
  readonly context: ProcessContext;
  readonly pinned: PinnedContext;
  readonly sandbox: Sandbox | undefined;
  /** Whether the operator named the new program. */
  readonly namedByOperator: boolean;
  readonly command: NewCommand;
  /** What the VM was made of before the checks looked at it. */
  readonly fingerprint: Fingerprint;
  /** The old program's command line, made to wait as the new one's. */
  readonly oldArgv: readonly string[];
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether a VM that goes back may be less confined than it was. */
  readonly allowWeakerConfinement: boolean;
  /** Of going back; to the commit there is the deadline. */
  readonly timeoutMs: number;
  readonly deadline: Deadline;
  /** Put off until the VM is safe. */
  readonly signals: DeferredSignals;
  readonly clock: PhaseClock;
}

/** What is learnt on the way; filled in as it is known, also before an error. */
export interface Course {
  /** True from the moment at which the VM may be stopped. */
  touched: boolean;
  stop?: QmpEvent;
  resume?: QmpEvent;
  ram?: Hold["ram"];
  /** The VM's process at the end. */
  pid?: number;
  newVersion?: QmpClient["version"];
  readonly warnings: string[];
}

/**
 * Moves the VM.
 *
 * @throws {UpdateError} that says in which state the VM is
 */
export async function runTransaction(
  order: TransactionOrder,
  course: Course,
): Promise<void> {
  const { client, facts, clock } = order;
  await clock.begin("prepare");
  const settings = await MigrationSettings.read(client);
  await using directory = await RunDirectory.create(facts);
  const said = await saidSoFar(facts.pid);
  const note = (before: Before) =>
    writeJournal(directory, {
      vm: { ...recordOf(facts), ...before },
      settings: settings.record,
      said,
    });
  await note(facts);
  const startStandby = () =>
    Standby.start({
      directory: directory.path,
      context: order.context,
      groups: lastingGroups(facts, order.context.cgroups),
      files: order.pinned.files,
      argv: order.oldArgv,
      self: order.self,
      strict: !order.allowWeakerConfinement,
    });
  await using standby = await startStandby();
  using state = SavedState.open(directory.stateFile);
  using old = new Source(order);
  try {
    await old.prepare(order.command.argv);
    const program = order.command.argv[0] ?? "";
    await readAhead(facts, program, order.context.credentials, order);
    await warmUp();
    refuseIfInterrupted(order.signals);
    await using _memory = await OldMemory.keep(facts.pid);
    const means = { directory, note, settings, standby, startStandby };
    await move({ ...order, ...means, old, state }, course);
  } catch (error) {
    if (course.pid === undefined) setDowntime(course, old);
    if (isOver(error)) {
      // The directory goes, and the standby with the memory.
    } else if (course.touched && !(error instanceof RolledBackError)) {
      // Whatever it is, nobody knows that the VM does without these.
      directory.leave();
      if (state.complete || !order.process.hasExited()) standby.leave();
    } else if (
      course.pid === undefined && order.shutdown.why === undefined
    ) {
      // Where another process has the VM now, that one was given them.
      client.deadline = performance.now() + SETTLE_TIMEOUT_MS;
      course.warnings.push(...await settings.giveBackUnmoved(client));
    }
    throw error;
  }
}

/** What the steps between the VM's stop and its resumption work with. */
interface Move extends TransactionOrder {
  readonly directory: RunDirectory;
  /** Writes the journal, of a VM that was like this before. */
  readonly note: (before: Before) => Promise<void>;
  readonly settings: MigrationSettings;
  readonly standby: Standby;
  readonly startStandby: () => Promise<Standby>;
  readonly urgency: Urgency;
  readonly old: Source;
  readonly state: SavedState;
}

async function move(
  found: Omit<Move, "urgency">,
  course: Course,
): Promise<void> {
  const { clock, old, state } = found;
  const terminals = closable(found);
  await clock.begin("migrate");
  await old.requireMovable();
  clock.goOn();
  course.touched = true;
  await using urgency = Urgency.of(found.facts.pid);
  const migrating = old.migrate(`file:${state.path}`);
  // Asked right behind it: the answers come while the program saves.
  const asking = Fingerprint.take(found.client);
  asking.catch(() => undefined); // heard at the hold, if it comes to that
  // Nothing depends on it.
  const listing = userConnections(found.client).catch(() => []);
  await migrating;
  setDowntime(course, old);
  // Somebody may have stopped the guest, or let it run, since it was found.
  const order = { ...found, urgency, facts: { ...found.facts, ...old.before } };
  const devices = PciDevices.take(found.client);
  devices.catch(() => undefined); // heard at the hold as well
  using hold = await holdOrCancel(order, found.facts, asking, devices);
  course.ram = hold.ram;
  using connections = HeldConnections.take(order.process, await listing);
  const queue = MonitorQueue.among(
    hold.descriptors.values(),
    found.facts.address,
  );
  const words = LastWords.after(hold.descriptors.get(STDERR));
  try {
    await clock.begin("switchover");
    await old.switchover(terminals);
    queue.end();
    await goOn({ ...order, devices: await devices }, course);
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    const end = await rollBackUpdate(
      { ...order, words, queue },
      course,
      hold,
      error,
    );
    connections.end();
    throw end;
  }
  connections.end();
}

/** The character devices whose terminals are closed before the exec. */
function closable({ facts, settings }: Omit<Move, "urgency">): string[] {
  const { terminals = [] } = settings.record.live;
  if (terminals.length === 0) return [];
  const there = new Set(terminals.map(({ device }) => device));
  return plainTerminals(CommandLine.parse(facts.program, facts.argv))
    .filter((it) => there.has(it));
}

/** What the old program has told of it so far. */
function setDowntime(course: Course, old: Source): void {
  const { stopEvent, resumeEvent } = old;
  if (stopEvent !== undefined) course.stop = stopEvent;
  if (resumeEvent !== undefined) course.resume = resumeEvent;
}

/** Holds the VM's memory, here and in the standby, or gives the VM back. */
async function holdOrCancel(
  order: Move,
  found: Before,
  asking: Promise<Fingerprint>,
  devices: Promise<PciDevices>,
): Promise<Hold> {
  const { clock, process, command, facts, old, state } = order;
  try {
    await clock.begin("hold");
    using stack = new DisposableStack();
    requireSameNow(facts.identity);
    const hold = stack.use(Hold.take(process, command.descriptors));
    // What was held is the VM's only if it was the VM all the time.
    requireSameNow(facts.identity);
    const emptyBlock = await emptyBlockOf(order);
    state.checkRam(hold, (block) => {
      if (block === emptyBlock) return true;
      const file = facts.ramFiles.get(block);
      return file !== undefined && isInPlace(facts.pid, file);
    }, facts.deviceMemory);
    await order.standby.hold(hold.preserved);
    order.fingerprint.requireSame(await asking);
    await devices;
    if (facts.runState !== found.runState) await order.note(facts);
    stack.move();
    return hold;
  } catch (error) {
    throw await old.cancel(error);
  }
}

/** The RAMBlock that has nothing but zeros, as it will have again. */
async function emptyBlockOf(
  { client, facts: { tpmPage } }: Move,
): Promise<string | undefined> {
  if (tpmPage === undefined) return undefined;
  return await isEmptyPage(client, tpmPage) ? TPM_BLOCK : undefined;
}

/** A move whose VM stood still already when it was asked. */
interface HeldMove extends Move {
  readonly devices: PciDevices;
}

/** From the exec to a VM that runs on the new program. */
async function goOn(order: HeldMove, course: Course): Promise<void> {
  const { facts, deadline, old, state } = order;
  const connecting = Destination.connect(facts, "new", deadline.left());
  connecting.catch(() => undefined); // heard below, after the state
  const kept = keep(state, old.completed); // while the new program starts
  await using fresh = await connecting;
  fresh.client.deadline = deadline.at;
  requireSameUser(facts.identity);
  if (kept.error !== undefined) throw kept.error;
  if (kept.doubt !== undefined) {
    course.warnings.push(`The saved state cannot be verified: ${kept.doubt}`);
  }
  course.newVersion = fresh.client.version;
  if (state.runState?.replaced === true) {
    course.warnings.push(
      "The guest stood at a debugger's breakpoint when the VM was saved, " +
        "which no program loads: the VM is paused instead",
    );
  }
  try {
    await loadAndRun(asSaved(order), course, fresh);
  } catch (error) {
    if (error instanceof UpdateError || !await fresh.hasRun()) throw error;
    throw new NeedsPersonError(
      "resumed-meanwhile",
      `${messageOf(error)}; somebody let the guest run on the new program, ` +
        "so that it cannot be put back",
      { remedy: "Look at the VM before anything else", cause: error },
    );
  }
}

/**
 * With the run state that was saved: the guest may have gone to sleep, or run
 * into an error, after the monitor was asked and before the VM stopped.
 */
function asSaved<M extends Move>(order: M): M {
  const { saved } = order.state.runState ?? {};
  if (saved === undefined || saved === order.facts.runState) return order;
  const now = { runState: saved, running: saved === "running" };
  return { ...order, facts: { ...order.facts, ...now } };
}

/** From a program that answers to a guest that runs on it. */
async function loadAndRun(
  order: HeldMove,
  course: Course,
  fresh: Destination,
): Promise<void> {
  const { clock, facts, settings, state } = order;
  await clock.begin("load");
  if (state.restore()) {
    course.warnings.push(
      "The state file was altered while the new program started; it was " +
        "written anew from what the old program had saved",
    );
  }
  const loading = fresh.load(`file:${state.path}`);
  // Its questions are on the way while the program loads.
  const placing = restoreThreads(fresh.client, facts.pid, facts.threads);
  placing.catch(() => undefined); // heard below, if the state is loaded
  await loading;
  const devices = PciDevices.take(fresh.client);
  devices.catch(() => undefined); // heard before the guest runs

  await clock.begin("commit");
  const warnings = await placing;
  order.devices.requireSame(await devices);
  if (isLive(facts)) {
    noteResumption(order.directory);
    course.resume = await fresh.resume();
    order.urgency.end();
  } else await stay(fresh, facts);
  fresh.client.deadline = performance.now() + SETTLE_TIMEOUT_MS;
  warnings.push(...await settings.giveAll(fresh.client));
  clock.end();
  await fresh.requireLasting();
  course.pid = facts.pid;
  course.warnings.push(...warnings);
}

/** @throws {UpdateProblem} when somebody else has an image by now */
async function stay(fresh: Destination, facts: Facts): Promise<void> {
  const problem = await fresh.stay(facts);
  if (problem === undefined) return;
  throw new UpdateProblem(
    "images-taken",
    `The new program cannot use the VM's images: ${problem}`,
  );
}

/** Back to the old program; the error that says what happened to the VM. */
async function rollBackUpdate(
  order: Move & { readonly words: LastWords; readonly queue: MonitorQueue },
  course: Course,
  hold: Hold,
  cause: unknown,
): Promise<UpdateError> {
  await order.clock.begin("rollback");
  const { old, state } = order;
  const problem = await reasonOf(cause, order);
  await order.words.end();
  /** With the program's own words, for which the guest does not wait. */
  const reason = async () => {
    const words = await order.words.heard();
    return words === "" ? problem : `${problem}; it said: ${words}`;
  };
  forgetResumption(order.directory);
  if (!state.complete && keep(state, old.completed).error !== undefined) {
    const { why } = order.shutdown;
    if (why !== undefined && order.process.hasExited()) {
      return new ShutDownError(order.facts.pid, why, cause);
    }
    return new NeedsPersonError(
      "state-incomplete",
      `${await reason()}; the VM's process ${order.facts.pid} had not saved the devices ` +
        "yet, so that the VM cannot be put back",
      { remedy: "Look at the process before anything else", cause },
    );
  }
  const saved = asSaved(order);
  const { facts } = saved;
  try {
    const anotherStandby = async () => {
      const standby = await order.startStandby();
      await standby.hold(hold.preserved);
      return standby;
    };
    const intruder = cause instanceof WrongPeerProblem ? cause.pid : undefined;
    const back = await rollBack({ ...saved, intruder, anotherStandby });
    course.pid = back.pid;
    course.warnings.push(...back.warnings);
    if (back.resume !== undefined) course.resume = back.resume;
  } catch (error) {
    if (error instanceof ShutDownError) return error;
    const code = error instanceof UpdateError ? error.code : "rollback-failed";
    const Kind = error instanceof EndedAfterResumeError
      ? EndedAfterResumeError
      : NeedsPersonError;
    return new Kind(
      code,
      `${messageOf(error)}; the update had failed before: ${await reason()}`,
      { remedy: RECOVER, ...adviceOf(error), cause: error },
    );
  }
  return new RolledBackError(
    "rolled-back",
    `${await reason()}; the VM ${
      facts.running ? "runs" : `is ${facts.runState}`
    } ` +
      `on the old program, as process ${course.pid}`,
    { remedy: AGAIN, ...adviceOf(cause), cause },
  );
}

/** What went wrong; a connection that ended is no reason but a sign of one. */
async function reasonOf(
  cause: unknown,
  { process }: TransactionOrder,
): Promise<string> {
  const ended = cause instanceof QmpClosedError &&
    await process.exited(END_TIMEOUT_MS);
  return ended ? capital(await howItEnded(process)) : messageOf(cause);
}

/** Keeps the saved state, or the error that says why it is not whole. */
function keep(
  state: SavedState,
  completed: boolean,
): { readonly doubt?: string | undefined; readonly error?: unknown } {
  try {
    return { doubt: state.keep(completed) };
  } catch (error) {
    return { error };
  }
}
