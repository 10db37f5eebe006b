/**
 * Works on several VMs of a host, with a number of parallel jobs.
 *
 * ```
 * a  facts preflight prepare ▐ migrate … commit ▌
 * b  facts preflight prepare ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▐ migrate … commit ▌
 * c                                                                  facts …
 * ```
 *
 * The phases before the downtime run in parallel. While a guest is stopped, its
 * VM is the only one that is worked on, so that parallel work never lengthens a
 * downtime; the monitors of waiting VMs are not read. After too many failures
 * no other VM is touched.
 *
 * @module
 */

import { globExpression } from "../../glob.ts";
import { type ListedVm, listVms } from "../host/list.ts";
import { NO_MONITOR } from "../host/monitors.ts";
import { type AllReport, allReport, type LeftOut } from "./all_report.ts";
import { CANCELLED, ENDED_UNTOUCHED, RefusedError } from "../error.ts";
import type { Obstacle } from "../command/obstacles.ts";
import {
  type ModeChoice,
  type PhaseName,
  type PhaseObserver,
  round,
} from "../phase.ts";
import {
  addFailure,
  blankReport,
  type Draft,
  type Report,
} from "../report/report.ts";
import type { SkippedProcess } from "../host/processes.ts";
import { sealed } from "../report/sealed.ts";
import { DeferredSignals } from "../transaction/deferred_signals.ts";
import { SharedExclusiveLock } from "./shared_exclusive_lock.ts";

/** For each monitor; generous, since a busy host is no reason to skip a VM. */
const MONITOR_TIMEOUT_MS = 20_000;

/** Which VMs, and what to do with them. */
export interface HostRequest
  extends Omit<AllRequest, "vms" | "unreadable" | "skipped"> {
  /** Shell pattern for their names. */
  readonly pattern: string;
}

/** Works on the VMs of this host that have no known obstacle. */
export async function workOnHost(
  { pattern, ...request }: HostRequest,
): Promise<AllReport> {
  const { vms, unreadable, skipped } = await listVms({
    asksMonitors: true,
    timeoutMs: MONITOR_TIMEOUT_MS,
  });
  return await workOnAll({
    ...request,
    vms: selectVms(vms, pattern),
    unreadable,
    skipped,
  });
}

/** A VM with a monitor, or a domain of libvirt. */
export type Candidate =
  & ListedVm
  & ({ readonly qmp: string; readonly domain: null } | {
    readonly domain: string;
  });

/** Works on one VM. */
export type Work = (vm: Candidate, observer: PhaseObserver) => Promise<Report>;

/** Callbacks for progress. */
export interface AllWatcher {
  /** A phase begins. */
  readonly phase?: (vm: Candidate, phase: PhaseName) => void;
  /** A VM is done, or left out. */
  readonly done?: (report: Report) => void;
  readonly leftOut?: (vm: LeftOut) => void;
}

/** Which VMs, and what to do with them. */
interface AllRequest {
  readonly vms: readonly ListedVm[];
  /** Number of further VMs that belong to other users. */
  readonly unreadable?: number;
  /** Processes that may be VMs, and cannot be examined. */
  readonly skipped?: readonly SkippedProcess[];
  /** Number of VMs that are worked on in parallel. */
  readonly jobs: number;
  /** After this many failures no other VM is touched. */
  readonly maxFailures: number;
  readonly mode?: ModeChoice | undefined;
  readonly work: Work;
  readonly watcher?: AllWatcher | undefined;
}

/**
 * Whether the next VM may fail for the same reason. An update that did not
 * execute the new program says nothing about it: the VM was refused, cancelled
 * or shut down, or ended before it was touched.
 */
function isFailure({ outcome, error }: Report): boolean {
  if (outcome === "needs-person") return error?.code !== ENDED_UNTOUCHED;
  return outcome === "rolled-back" && error?.code !== CANCELLED;
}

/** The phase that stops the guest. */
const STOP: PhaseName = "migrate";
/** The first phase; an update that starts over begins with it again. */
const START: PhaseName = "facts";

/** Works on every VM that has no known obstacle. */
export async function workOnAll(request: AllRequest): Promise<AllReport> {
  using signals = new DeferredSignals();
  const start = performance.now();
  const run = new FleetRun(request, signals);
  for (const { pid, why } of request.skipped ?? []) {
    const unknown = { pid, name: null, qmp: null, due: true };
    run.leaveOut(unknown, { code: "unreadable", text: why });
  }
  await run.work();
  return allReport({
    results: run.results.map(({ report }) => report),
    starts: run.results.map(({ start: begun }) => round(begun - start)),
    leftOut: run.leftOut,
    unreadable: request.unreadable ?? 0,
    interrupted: signals.seen.length > 0,
    durationMs: round(performance.now() - start),
  });
}

/** What came of a VM, and when its turn was. */
interface Result {
  readonly report: Report;
  readonly start: number;
}

/** One run over all VMs. */
class FleetRun {
  /** Held shared before a downtime, exclusively within one. */
  readonly #lock = new SharedExclusiveLock();
  readonly #results: (Result | undefined)[] = [];
  readonly leftOut: LeftOut[] = [];
  #failures = 0;

  constructor(
    private readonly request: AllRequest,
    private readonly signals: DeferredSignals,
  ) {}

  /** In the order of the VMs. */
  get results(): Result[] {
    return this.#results.filter((result) => result !== undefined);
  }

  async work(): Promise<void> {
    const waiting = this.request.vms.entries();
    const worker = async () => {
      for (const [place, vm] of waiting) {
        const why = obstacleOf(vm, this.request.mode) ??
          this.#reasonToStop();
        if (why !== undefined) this.leaveOut(vm, why);
        else if (canBeReached(vm)) await this.#workOn(vm, place);
      }
    };
    const jobs = Math.max(1, this.request.jobs);
    await Promise.all(Array.from({ length: jobs }, worker));
  }

  async #workOn(vm: Candidate, place: number): Promise<void> {
    const { work, watcher } = this.request;
    // Alone from the start: libvirt's daemon must not stay stopped while other
    // VMs have their turn.
    const begin = () =>
      vm.domain === null ? this.#lock.shared() : this.#lock.exclusive();
    let held = await begin();
    const start = performance.now();
    let hasBegun = false;
    try {
      const report = await reported(vm, () =>
        work(vm, async (phase) => {
          if (phase === STOP) {
            held[Symbol.dispose]();
            held = await this.#lock.exclusive();
            this.#requireContinue();
          } else if (phase === START && hasBegun) {
            // The update starts over.
            held[Symbol.dispose]();
            held = await begin();
          }
          hasBegun = true;
          watcher?.phase?.(vm, phase);
        }));
      if (isFailure(report)) this.#failures++;
      this.#results[place] = { report, start };
      watcher?.done?.(report);
    } finally {
      held[Symbol.dispose]();
    }
  }

  leaveOut(
    { pid, name, qmp, due }: Pick<ListedVm, "pid" | "name" | "qmp" | "due">,
    { code, text: why }: Obstacle,
  ): void {
    const vm = { pid, name, qmp, code, why, due };
    this.leftOut.push(vm);
    this.request.watcher?.leftOut?.(vm);
  }

  /** @throws {RefusedError} after a signal, or too many failures */
  #requireContinue(): void {
    const why = this.#reasonToStop();
    if (why === undefined) return;
    throw new RefusedError(why.code, `The VM was not touched: ${why.text}`, {
      remedy: "Fix the cause, then run the same command again",
    });
  }

  #reasonToStop(): Obstacle | undefined {
    const code = "not-its-turn";
    const { seen } = this.signals;
    if (seen.length > 0) {
      return { code, text: `interrupted by ${seen.join(", ")}` };
    }
    if (this.#failures < this.request.maxFailures) return undefined;
    const text = this.#failures === 1
      ? "another VM failed before it"
      : `${this.#failures} others failed before it`;
    return { code, text };
  }
}

function obstacleOf(vm: ListedVm, mode?: ModeChoice): Obstacle | undefined {
  const { obstacle: text, obstacle_code: code } = vm;
  // A copy of the RAM can be in a back end of another kind.
  const isCopied = mode === "live" && code === "memory-backends";
  // Another process is not executed by the VM's own.
  const isStarted = mode !== undefined && mode !== "cpr-exec" &&
    code === "sandbox";
  const isNone = isCopied || isStarted;
  if (text !== null && code !== null && !isNone) return { code, text };
  return canBeReached(vm) ? undefined : NO_MONITOR;
}

function canBeReached(vm: ListedVm): vm is Candidate {
  return vm.qmp !== null || vm.domain !== null;
}

/** Reports also a VM that could not be reached. */
async function reported(
  vm: Candidate,
  work: () => Promise<Report>,
): Promise<Report> {
  try {
    return await work();
  } catch (error) {
    const report = draftOfListed(vm);
    report.outcome = "refused";
    addFailure(report, error);
    return sealed(report);
  }
}

/** The report of a VM of which only the list entry is known. */
export function draftOfListed(vm: ListedVm): Draft {
  return {
    ...blankReport(),
    vm: { name: vm.name, uuid: null, qmp: vm.qmp, machine: null },
    pid_before: vm.pid,
    pid_after: vm.pid,
    from: {
      program: vm.program,
      version: vm.version,
      package: null,
      exe: vm.binary,
    },
  };
}

/** Matches also a VM without a name. */
const ALL = "*";

/**
 * The VMs whose name matches a shell pattern: `*` is any text, `?` any one
 * character. A VM without a name matches only the pattern `*`.
 */
export function selectVms(
  vms: readonly ListedVm[],
  pattern: string,
): readonly ListedVm[] {
  if (pattern === ALL) return vms;
  const wanted = globExpression(pattern);
  return vms.filter(({ name }) => name !== null && wanted.test(name));
}
