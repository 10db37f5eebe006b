/**
 * What an update does on the host, apart from the VM's monitors: the seam at
 * which a test takes the host's place.
 *
 * @module
 */

import type { ProcessHandle } from "../../ffi/process.ts";
import type { QmpAddress, QmpClient } from "../qmp/mod.ts";
import type { NewCommand } from "./command/new_command.ts";
import type { Identity } from "./process/identity.ts";
import type { ThreadRecord } from "./process/threads.ts";
import type { Urgency } from "./process/urgency.ts";
import type { Check } from "./preflight/check.ts";
import type { RunDirectory } from "./run/directory.ts";
import type { PinnedContext } from "./standby/pinned_context.ts";
import type { ProcessContext } from "./standby/process_context.ts";
import type { Sandbox } from "./standby/sandbox.ts";
import type { Standby } from "./standby/standby.ts";
import type { Destination, Program } from "./transaction/destination.ts";
import type { Hold } from "./transaction/hold.ts";
import type { SavedState } from "./transaction/saved_state.ts";
import type { Facts, VmRecord } from "./vm/facts.ts";
import type { Fingerprint } from "./vm/fingerprint.ts";
import type { MigrationSettings } from "./vm/migration_settings.ts";

/** A class as its callers see it, so that another may stand in for it. */
type Public<Class> = Pick<Class, keyof Class>;

export type RunDirectoryPort = Public<RunDirectory>;
export type StandbyPort = Public<Standby>;
export type StatePort = Public<SavedState>;
export type HoldPort = Public<Hold>;
export type UrgencyPort = Public<Urgency>;

/** What a person wants of an update. */
export interface Wishes {
  /** The program to move to; default: the path of the running one. */
  readonly binary?: string | undefined;
  /** The words that start cprctl: it starts itself for what is confined. */
  readonly self: readonly string[];
  /** Whether a VM that is rolled back may be less confined than it was. */
  readonly allowWeakerConfinement?: boolean | undefined;
}

/** A VM's process, with everything that a program in its place needs. */
export interface LocatedVm {
  readonly client: QmpClient;
  readonly facts: Facts;
  readonly processContext: ProcessContext;
  readonly pinned: PinnedContext;
}

/** What is to be executed, and by what the VM is known again. */
export interface Plan {
  readonly command: NewCommand;
  /** The old program's command line, made to wait as the new one's. */
  readonly oldArgv: readonly string[];
  /** What the VM was made of before the checks looked at it. */
  readonly fingerprint: Fingerprint;
  /** The VM's own confinement; undefined where it has no room for programs. */
  readonly sandbox: Sandbox | undefined;
}

/** The host. */
export interface System {
  /** @throws {QmpError} */
  connect(address: QmpAddress, timeoutMs: number): Promise<QmpClient>;
  facts(client: QmpClient): Promise<Facts>;
  /** Whether the VM executes the very file at a path of its own. */
  isCurrent(facts: Facts, binary: string): Promise<boolean>;
  /** @throws {RefusedError} where another cprctl works on the VM */
  lock(pid: number): Promise<Disposable>;
  /** A descriptor of the VM's process; undefined where it has ended. */
  open(vm: VmRecord): Promise<ProcessHandle | undefined>;
  /** Reads the process's context, and keeps it from going away with it. */
  pin(
    facts: Facts,
    wishes: Wishes,
  ): Promise<Pick<LocatedVm, "processContext" | "pinned">>;
  plan(vm: LocatedVm, wishes: Wishes): Promise<Plan>;
  preflight(
    vm: LocatedVm,
    plan: Plan,
    wishes: Wishes,
  ): Promise<Check[]>;
  runDirectory(facts: Facts): Promise<RunDirectoryPort>;
  /** Makes a writer of the journal of one update. */
  journal(
    directory: RunDirectoryPort,
    pid: number,
    settings: MigrationSettings,
  ): Promise<(vm: Facts) => Promise<void>>;
  standby(
    directory: RunDirectoryPort,
    vm: LocatedVm,
    plan: Plan,
    wishes: Wishes,
  ): Promise<StandbyPort>;
  state(path: string): StatePort;
  /** Reads the new program into the page cache, and warms up what is ours. */
  warmUp(vm: LocatedVm, plan: Plan, wishes: Wishes): Promise<void>;
  /** Keeps the old address space: taking it apart would be downtime. */
  keepMemory(pid: number): Promise<AsyncDisposable>;
  urgency(pid: number): UrgencyPort;
  /**
   * Gives the VM's threads what they had from the host.
   *
   * @returns a warning for each that it could not be given to
   */
  restoreThreads(
    client: QmpClient,
    pid: number,
    threads: readonly ThreadRecord[],
  ): Promise<string[]>;
  /** @throws {UpdateProblem} where the process has become another */
  requireSame(identity: Identity): void;
  /** The same of its user alone, once it executes another program. */
  requireSameUser(identity: Identity): void;
  hold(process: ProcessHandle, descriptors: readonly number[]): HoldPort;
  /** @throws {UpdateProblem} where no program answers, or a wrong one */
  destination(
    vm: VmRecord,
    program: Program,
    timeoutMs: number,
  ): Promise<Destination>;
}
