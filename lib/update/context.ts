/**
 * What one update is asked, finds out and holds. Each phase adds to it, and
 * finds there what the phases before it have added.
 *
 * @module
 */

import type { ProcessHandle } from "../../ffi/process.ts";
import {
  microsecondsBetween,
  type QmpAddress,
  type QmpClient,
  type QmpEvent,
} from "../qmp/mod.ts";
import { Deadline } from "./deadline.ts";
import type { PhaseName } from "./phase.ts";
import { sealed } from "./report/sealed.ts";
import type { Draft } from "./report/draft.ts";
import type { ProcessContext } from "./standby/process_context.ts";
import type { PinnedContext } from "./standby/pinned_context.ts";
import type {
  HoldPort,
  Plan,
  RunDirectoryPort,
  StandbyPort,
  StatePort,
  System,
  UrgencyPort,
  Wishes,
} from "./system.ts";
import type { DeferredSignals } from "./transaction/deferred_signals.ts";
import type { Destination } from "./transaction/destination.ts";
import type { HeldConnections } from "./transaction/held_connections.ts";
import type { LastWords } from "./transaction/last_words.ts";
import type { MonitorQueue } from "./transaction/monitor_queue.ts";
import {
  PhaseClock,
  type PhaseObserver,
  round,
} from "./transaction/phase_clock.ts";
import type { Source } from "./transaction/source.ts";
import { type Facts, programOf } from "./vm/facts.ts";
import type { Fingerprint } from "./vm/fingerprint.ts";
import type { MigrationSettings } from "./vm/migration_settings.ts";
import type { PciDevices } from "./vm/pci_devices.ts";
import type { ShutdownWatch } from "./vm/shutdown.ts";

/** Which VM, and what for. */
export interface UpdateRequest extends Wishes {
  readonly address: QmpAddress;
  /** Leave a VM alone that runs on that very file already. */
  readonly skipIfCurrent?: boolean | undefined;
  readonly observer?: PhaseObserver | undefined;
  /**
   * Milliseconds until the VM runs on the new program; a rollback may take as
   * long once more.
   */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** What the phase `prepare` makes, and a failure has to leave or tidy up. */
export interface Prepared {
  /** The migration settings of before. */
  readonly settings: MigrationSettings;
  readonly directory: RunDirectoryPort;
  /** Holds the RAM, and becomes the old program in a rollback. */
  readonly standby: StandbyPort;
  readonly startStandby: () => Promise<StandbyPort>;
  /** Writes the journal, of a VM that is in this run state. */
  readonly writeJournal: (facts: Facts) => Promise<void>;
  readonly state: StatePort;
  readonly source: Source;
  /** The character devices whose terminals are closed before the exec. */
  readonly terminals: readonly string[];
}

/** Questions that were sent behind `migrate`, so that nobody waits for them. */
export interface Asked {
  readonly fingerprint: Promise<Fingerprint>;
  readonly devices: Promise<PciDevices>;
  /** Descriptors of connections that the guest made through the host. */
  readonly connections: Promise<readonly number[]>;
}

/** What the phase `hold` takes: the VM lives on without its process. */
export interface Held {
  readonly hold: HoldPort;
  readonly connections: HeldConnections;
  readonly queue: MonitorQueue;
  /** What the new program says on the VM's standard error. */
  readonly words: LastWords;
  /** What the guest saw of its PCI devices. */
  readonly devices: PciDevices;
}

/** What was asked of the destination as soon as it had loaded the state. */
export interface Loaded {
  /** What could not be given back to the VM's threads. */
  readonly placing: Promise<string[]>;
  readonly devices: Promise<PciDevices>;
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
  /** As the VM was found. */
  found!: Facts;
  /** The same, with the run state that it was in when it stopped, and saved. */
  facts!: Facts;
  /** Undefined while nothing is known of the VM. */
  report: Draft | undefined;
  signals!: DeferredSignals;
  process!: ProcessHandle;
  processContext!: ProcessContext;
  pinned!: PinnedContext;

  /** From the phase "preflight" on. */
  plan!: Plan;

  /** From the phase "prepare" on. */
  prepared: Prepared | undefined;

  // From the phase "migrate" on.
  /** Whether the VM may have been stopped. */
  touched = false;
  urgency!: UrgencyPort;
  asked!: Asked;
  stop: QmpEvent | undefined;
  resume: QmpEvent | undefined;

  // From the phase "hold" on.
  held!: Held;
  ram: HoldPort["ram"] | undefined;

  // From the phase "switchover" on.
  /** Whether the source was told to save its devices and to exec. */
  moved = false;
  destination: Destination | undefined;
  newVersion: QmpClient["version"] | undefined;

  /** From the phase "load" on. */
  loaded!: Loaded;

  /** The VM's process, once it is where it stays. */
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

  /** What is prepared; to be asked for from the phase "prepare" on. */
  get ready(): Prepared {
    if (this.prepared === undefined) throw new Error("Nothing is prepared");
    return this.prepared;
  }

  /** Keeps something until the update is over. */
  use<Resource extends Disposable | AsyncDisposable>(
    resource: Resource,
  ): Resource {
    return this.#resources.use(resource);
  }

  /** Tells a person something that is no failure. */
  warn(...warnings: readonly string[]): void {
    this.report?.warnings.push(...warnings);
  }

  /** Notes what the source has told of the downtime so far. */
  noteDowntime(): void {
    const { stopEvent, resumeEvent } = this.ready.source;
    this.stop = stopEvent ?? this.stop;
    this.resume = resumeEvent ?? this.resume;
  }

  /**
   * Takes the run state that was saved: the guest may have gone to sleep, or
   * run into an error, after the monitor was asked and before the VM stopped.
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

  /** Completes the report with what became known on the way. */
  finish(report: Draft): Draft {
    this.clock.end();
    if (this.touched) report.warnings.push(...this.signals.warnings());
    report.warnings.push(
      ...this.clock.problems.map((problem) =>
        `The update could not be followed: ${problem}`
      ),
    );
    report.phases = [...this.clock.phases];
    if (this.ram !== undefined) report.ram = this.ram;
    if (this.pidAfter !== undefined) report.pid_after = this.pidAfter;
    if (this.newVersion !== undefined) {
      const exe = report.to?.exe ?? "";
      report.to = programOf(this.facts.program, this.newVersion, exe);
    }
    if (this.stop !== undefined) this.#tellDowntime(report, this.stop);
    return sealed(report);
  }

  #tellDowntime(report: Draft, stop: QmpEvent): void {
    const { seconds, microseconds } = stop.timestamp;
    const at = seconds * 1000 + microseconds / 1000;
    const origin = Date.now() - this.clock.elapsed();
    report.downtime_start_ms = round(at - origin);
    if (this.resume === undefined) return;
    report.downtime_ms = round(microsecondsBetween(stop, this.resume) / 1000);
  }

  /**
   * The observer may hold a phase back until other VMs are done; that time is
   * not this VM's. While another guest stands still, this VM's monitor is not
   * read.
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
    if (client !== undefined) client.deadline = this.deadline.at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leaveDestination();
    await this.#resources[Symbol.asyncDispose]();
  }
}
