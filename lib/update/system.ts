/**
 * What an update does on the host, apart from the VM's monitors. Tests replace
 * it.
 *
 * @module
 */

import type { Credentials } from "../../ffi/identity.ts";
import type { ProcessHandle } from "../../ffi/process.ts";
import type { ConnectOptions, QmpAddress, QmpClient } from "../qmp/mod.ts";
import type { Deadline } from "./deadline.ts";
import type { Fd } from "../../ffi/fd.ts";
import type { Carried } from "./carry/carried.ts";
import type { Move } from "./command/transfer_command.ts";
import type { ModeChoice } from "./phase.ts";
import type { Way } from "./command/way.ts";
import type { Identity } from "./process/identity.ts";
import type { Renewed } from "./process/vhost_net.ts";
import type { ThreadRecord } from "./process/threads.ts";
import type { Urgency } from "./process/urgency.ts";
import type { CheckObserver } from "./preflight/check.ts";
import type { Findings } from "./preflight/preflight.ts";
import type { RunDirectory } from "./run/directory.ts";
import type {
  PinnedContext,
  ProcessContext,
} from "./standby/process_context.ts";
import type { Preserved } from "./standby/holdings.ts";
import type { Sandbox } from "./standby/sandbox.ts";
import type { Standby } from "./standby/standby.ts";
import type { Destination, Program } from "./transaction/destination.ts";
import type { Hold } from "./transaction/hold.ts";
import type { SavedState } from "./transaction/saved_state.ts";
import type { Facts, VmRecord } from "./vm/facts.ts";
import type { Fingerprint } from "./verify/fingerprint.ts";
import type { MigrationSettings } from "./vm/settings.ts";

/** The public members of a class, so that tests can replace it. */
type Public<Class> = Pick<Class, keyof Class>;

export type RunDirectoryPort = Public<RunDirectory>;
export type StandbyPort = Public<Standby>;
export type StatePort = Public<SavedState>;
export type HoldPort = Public<Hold>;
export type UrgencyPort = Public<Urgency>;

/** The operator's options for an update. */
export interface Options {
  /** Default: cpr-exec. */
  readonly mode?: ModeChoice | undefined;
  /** The VM's domain, if libvirt manages it and its daemon is stopped. */
  readonly domain?: string | undefined;
  /** The program to move to; default: the path of the running one. */
  readonly binary?: string | undefined;
  /** The command that starts cprctl itself, for standby and sandbox. */
  readonly self: readonly string[];
  /** Whether a rolled-back VM may be less confined than before. */
  readonly allowWeakerConfinement?: boolean | undefined;
  /** In milliseconds; a VM that would be stopped for longer is refused. */
  readonly maxDowntimeMs?: number | undefined;
  /** Whether to wait for jobs that work on the VM's disks. */
  readonly waitJobs?: boolean | undefined;
  /** Is told which check runs. */
  readonly onCheck?: CheckObserver | undefined;
}

/** The standard streams of a VM. */
export interface StandardStreams extends Disposable {
  readonly preserved: readonly Preserved[];
  readonly stderr: Fd | undefined;
}

/** A VM's process, with everything that is needed to replace it. */
export interface LocatedVm {
  readonly client: QmpClient;
  readonly facts: Facts;
  readonly processContext: ProcessContext;
  readonly pinned: PinnedContext;
}

/** What to execute, and the fingerprint that finds later changes of the VM. */
export interface Plan extends Way {
  /** With the options of the VM's program, and no file of options. */
  readonly facts: Facts;
  /** How what was changed at run time is carried over. */
  readonly carried: Carried;
  /** The old program's command line, with -incoming, for a rollback. */
  readonly oldArgv: readonly string[];
  /** Taken before the checks. */
  readonly fingerprint: Fingerprint;
  /** Undefined if the VM's memory cgroup has no room for trial runs. */
  readonly sandbox: Sandbox | undefined;
}

/** The host. */
export interface System {
  /** @throws {QmpError} */
  connect(address: QmpAddress, patience: ConnectOptions): Promise<QmpClient>;
  facts(client: QmpClient): Promise<Facts>;
  /**
   * Whether the VM executes the very file at a path, as the VM sees it, with
   * the libraries that are on disk.
   *
   * @throws {RefusedError} when it does, but an update of it is not finished
   */
  isCurrent(
    facts: Pick<Facts, "pid" | "executable">,
    binary: string,
  ): Promise<boolean>;
  /** @throws {RefusedError} when another cprctl works on the VM */
  lock(pid: number): Promise<Disposable>;
  /** A pidfd of the VM's process; undefined if it has ended. */
  open(vm: VmRecord): Promise<ProcessHandle | undefined>;
  /** Reads the process context, and pins it so that it outlives the process. */
  pin(
    facts: Facts,
    options: Options,
  ): Promise<Pick<LocatedVm, "processContext" | "pinned">>;
  plan(vm: LocatedVm, options: Options): Promise<Plan>;
  preflight(
    vm: LocatedVm & { readonly deadline: Deadline },
    plan: Plan,
    options: Options,
  ): Promise<Findings>;
  runDirectory(facts: Facts): Promise<RunDirectoryPort>;
  /** Makes the function that writes the journal of one update. */
  journal(
    directory: RunDirectoryPort,
    pid: number,
    settings: MigrationSettings,
    plan: Pick<Plan, "carried" | "handOver">,
  ): Promise<(vm: Facts) => Promise<void>>;
  standby(
    directory: RunDirectoryPort,
    vm: LocatedVm,
    plan: Plan,
    options: Options,
  ): Promise<StandbyPort>;
  /**
   * Opens vhost-net afresh where a program is to be started with it.
   *
   * @throws {UpdateProblem} when that is not possible
   */
  renewVhost<Held extends Preserved>(
    preserved: readonly Held[],
  ): Renewed<Held>;
  /**
   * Gives the VM's process the vhost descriptors of the next program.
   *
   * @returns their numbers, by those that they replace
   * @throws {UpdateProblem} when that is not possible
   */
  giveVhost(
    vm: LocatedVm & { readonly process: ProcessHandle },
    plan: Plan,
    options: Options,
  ): Promise<ReadonlyMap<number, number>>;
  /**
   * Descriptors that earlier programs of the VM left open.
   *
   * @param vhost as {@linkcode giveVhost} returns it
   */
  leftOpen(
    vm: LocatedVm & { readonly process: ProcessHandle },
    plan: Plan,
    vhost: ReadonlyMap<number, number>,
  ): Promise<readonly number[]>;
  state(path: string): StatePort;
  /** Reads the new program into the page cache, and warms up cprctl itself. */
  warmUp(vm: LocatedVm, plan: Plan, options: Options): Promise<void>;
  /** Keeps the old address space: freeing it would add to the downtime. */
  keepMemory(pid: number): Promise<AsyncDisposable>;
  /** @param vcpus threads that run the guest, and get no boost */
  urgency(pid: number, vcpus?: readonly number[]): UrgencyPort;
  /**
   * Restores scheduling, affinity and control groups of the VM's threads.
   *
   * @returns a warning for each thread that could not be restored
   */
  restoreThreads(
    client: QmpClient,
    pid: number,
    threads: readonly ThreadRecord[],
  ): Promise<string[]>;
  /** @throws {UpdateProblem} when the process is no longer the same */
  requireSame(identity: Identity): void;
  /** The same for its user alone, after an exec. */
  requireSameUser(identity: Identity): void;
  hold(
    process: ProcessHandle,
    named: readonly number[],
    sent: readonly number[],
  ): HoldPort;
  /** Duplicates of a process's standard streams, by their numbers. */
  standardStreams(process: ProcessHandle): StandardStreams;
  /**
   * Waits for a file that a process makes; polls.
   *
   * @param user whose process it is
   * @throws {UpdateProblem} when the process ends before, or makes none in
   * time, or another user's file is there
   */
  appears(
    path: string,
    process: ProcessHandle,
    user: Credentials,
    timeoutMs: number,
  ): Promise<void>;
  /**
   * Connects to the VM's own process again.
   *
   * @throws {UpdateProblem} when another process answers
   */
  reconnect(vm: VmRecord, timeoutMs: number): Promise<QmpClient>;
  /** How many descriptors a process may have closed. */
  countClosed(pid: number): Promise<number>;
  /** Stops a process; false if it has ended. */
  fence(process: ProcessHandle): Promise<boolean>;
  /**
   * Renames files with the rights of a VM's user.
   *
   * @returns a warning for each that could not be renamed
   */
  move(moves: readonly Move[], user: Credentials): string[];
  /**
   * Removes files, if they are there, with the rights of a VM's user.
   *
   * @returns a warning for each that is still there
   */
  remove(paths: readonly string[], user: Credentials): string[];
  /** @throws {UpdateProblem} when no program answers, or a wrong one */
  destination(
    vm: VmRecord,
    program: Program,
    timeoutMs: number,
    budget?: () => number,
  ): Promise<Destination>;
}
