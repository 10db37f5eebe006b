/**
 * The request, the findings and the resources of one update. Each phase adds to
 * it, and uses what the phases before it have added.
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import type { ProcessHandle } from "../../ffi/process.ts";
import {
  type EventWatch,
  microsecondsBetween,
  type QmpAddress,
  type QmpClient,
  type QmpEvent,
} from "../qmp/mod.ts";
import type { HandOver } from "./command/transfer_command.ts";
import type { StatusInfo } from "../qmp/queries.ts";
import { Deadline } from "./deadline.ts";
import {
  PhaseClock,
  type PhaseName,
  type PhaseObserver,
  round,
} from "./phase.ts";
import { sealed } from "./report/sealed.ts";
import type { Draft } from "./report/report.ts";
import type {
  PinnedContext,
  ProcessContext,
} from "./standby/process_context.ts";
import type {
  HoldPort,
  Options,
  Plan,
  RunDirectoryPort,
  StandbyPort,
  StatePort,
  System,
  UrgencyPort,
} from "./system.ts";
import type { DeferredSignals } from "./transaction/deferred_signals.ts";
import type { Destination } from "./transaction/destination.ts";
import type {
  HeldConnections,
  MonitorQueue,
} from "./transaction/connections.ts";
import type { Source } from "./transaction/source.ts";
import type { StderrTail } from "./transaction/stderr_tail.ts";
import { type Facts, programOf } from "./vm/facts.ts";
import type { MigrationSettings } from "./vm/settings.ts";
import type { ShutdownWatch } from "./vm/events.ts";
import type { Difference } from "./verify/difference.ts";
import type { Fingerprint } from "./verify/fingerprint.ts";
import type { Objects } from "./verify/view.ts";

/** Which VM to update, and how. */
export interface UpdateRequest extends Options {
  readonly address: QmpAddress;
  /**
   * The VM's process, if known: by now its user may have pointed the path of
   * its monitor at another VM.
   */
  readonly pid?: number | undefined;
  /** Skip a VM that executes that very file already. */
  readonly skipIfCurrent?: boolean | undefined;
  readonly observer?: PhaseObserver | undefined;
  /**
   * Time limit, in milliseconds, until the VM runs on the new program. A
   * rollback gets the same time again.
   */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** What the phase `prepare` makes; a failure keeps it or cleans it up. */
export interface Prepared {
  /** The migration settings before the update. */
  readonly settings: MigrationSettings;
  readonly directory: RunDirectoryPort;
  /** Holds the RAM; becomes the old program in a rollback. */
  readonly standby: StandbyPort;
  readonly startStandby: () => Promise<StandbyPort>;
  /** Writes the journal with the run state in these facts. */
  readonly writeJournal: (facts: Facts) => Promise<void>;
  readonly state: StatePort;
  readonly source: Source;
  /** The character devices whose terminals are closed before the exec. */
  readonly terminals: readonly string[];
}

/** The migration that copies a VM's RAM. */
export interface Copied {
  /** The run state of the source before the migration stopped it. */
  before: StatusInfo;
  /** The destination loads all of it. */
  readonly loaded: Promise<void>;
  /** Whether the source has saved all of it. */
  isSaved: boolean;
}

/** A cpr-transfer: what `prepare` makes, and what later phases add. */
export interface Transfer {
  readonly handOver: HandOver;
  /** The migration settings before the update. */
  readonly settings: MigrationSettings;
  readonly directory: RunDirectoryPort;
  /** Becomes the new program. */
  readonly standby: StandbyPort;
  readonly writeJournal: Prepared["writeJournal"];
  /** What the new program writes to the VM's standard error. */
  readonly stderr: StderrTail;
  /** Events of the source since the switchover began. */
  watch?: EventWatch;
  /** The new program, once it was started. */
  process?: ProcessHandle;
  /** Number of descriptors that replace closed ones on the source. */
  fillers?: number;
  /** The new program before it has the guest's state. */
  made?: Made;
  /** The VM as it was stopped, and as it was loaded. */
  both?: Readonly<Record<"source" | "loaded", Promise<Fingerprint>>>;
  /** Fulfilled when the source is stopped, and had not resumed the guest. */
  fenced?: Promise<void>;
  /** The same, from the moment on at which the source is told to stop. */
  fence?: Promise<void>;
  /** Whether the source is to resume: it must not be stopped any more. */
  returns?: true;
  /** Only while RAM is copied. */
  copied?: Copied;
  /** Whether the new program has the whole VM. */
  isLoaded?: boolean;
  /** Warnings: settings of the VM's threads that could not be restored. */
  placing?: readonly string[];
}

/** A new program beside the VM's own. */
export interface Made {
  readonly fingerprint: Fingerprint;
  /** Differences in what loading a state does not change. */
  readonly differences: readonly Difference[];
}

/** Queries sent right behind `migrate`: their replies cost no extra time. */
export interface PendingReplies {
  readonly fingerprint: Promise<Fingerprint>;
  /** Descriptors of the guest's connections through user networking. */
  readonly connections: Promise<readonly number[]>;
}

/** What the phase `hold` takes: with it the VM can outlive its process. */
export interface Held {
  readonly hold: HoldPort;
  readonly connections: HeldConnections;
  readonly queue: MonitorQueue;
  /** What the new program writes to the VM's standard error. */
  readonly stderr: StderrTail;
  /** The VM as it was on the source. */
  readonly fingerprint: Fingerprint;
  readonly firmware: Promise<Objects>;
}

/** Queries sent to the destination: their replies are awaited in `verify`. */
export interface Loaded {
  /** Warnings: settings of the VM's threads that could not be restored. */
  readonly placing: Promise<string[]>;
  /** Differences in what loading a state does not change. */
  readonly fixed: Promise<readonly Difference[]>;
  readonly fingerprint: Promise<Fingerprint>;
}

/** One update of one VM. */
export class UpdateContext implements AsyncDisposable {
  readonly deadline: Deadline;
  readonly clock: PhaseClock;
  readonly timeoutMs: number;
  readonly #resources = new AsyncDisposableStack();

  // From the phase "facts" on.
  client!: QmpClient;
  shutdown!: ShutdownWatch;
  /** The VM before the update. */
  found!: Facts;
  /** The same, with the run state in which the VM was stopped and saved. */
  facts!: Facts;
  /** Undefined until the facts are known. */
  report: Draft | undefined;
  signals!: DeferredSignals;
  process!: ProcessHandle;
  processContext!: ProcessContext;
  pinned!: PinnedContext;

  /** From the phase "preflight" on. */
  plan!: Plan;

  /** From the phase "prepare" on. */
  prepared: Prepared | undefined;

  /** The same for a cpr-transfer. */
  transfer: Transfer | undefined;

  /** Descriptors of earlier programs that the new one closes. */
  leftOpen: readonly number[] = [];

  // From the phase "migrate" on.
  /** Whether the VM may have been stopped. */
  touched = false;
  urgency: UrgencyPort | undefined;
  pending!: PendingReplies;
  stop: QmpEvent | undefined;
  resume: QmpEvent | undefined;

  // From the phase "hold" on.
  held!: Held;
  /** Tap queues that the source had detached. */
  readonly attachedQueues: Fd[] = [];
  ram: HoldPort["ram"] | undefined;

  // From the phase "switchover" on.
  destination: Destination | undefined;
  newVersion: QmpClient["version"] | undefined;

  /** From the phase "load" on. */
  loaded!: Loaded;

  /** The VM's process after the update; undefined until that is settled. */
  pidAfter: number | undefined;

  constructor(
    readonly request: UpdateRequest,
    readonly system: System,
    deadline?: Deadline,
  ) {
    this.timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.deadline = deadline ?? new Deadline(this.timeoutMs);
    this.clock = new PhaseClock((phase) => this.#observe(phase));
  }

  /** {@linkcode prepared}, from the end of the phase "prepare" on. */
  get ready(): Prepared {
    if (this.prepared === undefined) throw new Error("Nothing is prepared");
    return this.prepared;
  }

  /** Disposes of something when the update is over. */
  use<Resource extends Disposable | AsyncDisposable>(
    resource: Resource,
  ): Resource {
    return this.#resources.use(resource);
  }

  /** Adds warnings to the report. */
  warn(...warnings: readonly string[]): void {
    this.report?.warnings.push(...warnings);
  }

  /** Takes the STOP and RESUME events that the source has sent so far. */
  noteDowntime(): void {
    const { stopEvent, resumeEvent } = this.ready.source;
    this.stop = stopEvent ?? this.stop;
    this.resume = resumeEvent ?? this.resume;
  }

  /**
   * Takes the run state that was saved: between `query-status` and the stop the
   * guest may have suspended, or run into an error.
   */
  takeSavedRunState(): void {
    const { saved } = this.ready.state.runState ?? {};
    if (saved === undefined || saved === this.facts.runState) return;
    const now = { runState: saved, running: saved === "running" };
    this.facts = { ...this.facts, ...now };
  }

  /** Closes the connection to the destination. */
  async leaveDestination(): Promise<void> {
    const { destination } = this;
    this.destination = undefined;
    await destination?.[Symbol.asyncDispose]();
  }

  /** Completes the report. */
  finish(report: Draft): Draft {
    this.clock.end();
    if (this.touched) report.warnings.push(...this.signals.warnings());
    report.warnings.push(
      ...this.clock.problems.map((problem) =>
        `The progress of the update could not be shown: ${problem}`
      ),
    );
    report.phases = [...this.clock.phases];
    if (this.ram !== undefined) report.ram = this.ram;
    if (this.pidAfter !== undefined) report.pid_after = this.pidAfter;
    if (this.newVersion !== undefined) {
      const exe = report.to?.exe ?? "";
      report.to = programOf(this.facts.program, this.newVersion, exe);
    }
    if (this.stop !== undefined) this.#reportDowntime(report, this.stop);
    return sealed(report);
  }

  #reportDowntime(report: Draft, stop: QmpEvent): void {
    const { seconds, microseconds } = stop.timestamp;
    const at = seconds * 1000 + microseconds / 1000;
    const origin = Date.now() - this.clock.elapsed();
    report.downtime_start_ms = round(at - origin);
    if (this.resume === undefined) return;
    report.downtime_ms = round(microsecondsBetween(stop, this.resume) / 1000);
  }

  /**
   * The observer may delay a phase until other VMs are done: the deadline moves
   * by that time. The monitor is not read while another guest is stopped.
   */
  async #observe(phase: PhaseName): Promise<void> {
    const since = performance.now();
    const client: QmpClient | undefined = this.client;
    client?.pause();
    try {
      await this.request.observer?.(phase);
    } finally {
      client?.resume();
    }
    this.deadline.extend(performance.now() - since);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leaveDestination();
    await this.#resources[Symbol.asyncDispose]();
  }
}
