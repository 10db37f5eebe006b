/**
 * Several VMs of a host, one after another or some at once.
 *
 * ```
 * a  facts preflight prepare ▐ migrate … commit ▌
 * b  facts preflight prepare ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▐ migrate … commit ▌
 * c                                                                  facts …
 * ```
 *
 * What comes before a guest's downtime may be done for several VMs at once. A VM
 * whose guest stands still is alone: nobody takes time from it, the monitors of
 * those that wait are not read, and once one has failed no other begins.
 *
 * @module
 */

import { CANCELLED, ENDED_UNTOUCHED, RefusedError } from "../error.ts";
import type { ListedVm } from "../host/list.ts";
import type { PhaseName } from "../phase.ts";
import type { Report } from "../report/report.ts";
import type { PassedOver } from "../host/processes.ts";
import { sealed } from "../report/sealed.ts";
import { addFailure, blankReport, type Draft } from "../report/draft.ts";
import { DeferredSignals } from "../transaction/deferred_signals.ts";
import { type PhaseObserver, round } from "../transaction/phase_clock.ts";
import { type AllReport, allReport, type LeftOut } from "./all_report.ts";
import { type Turn, Turns } from "./turns.ts";

/** A VM with a monitor. */
export type Candidate = ListedVm & { readonly qmp: string };

/** Works on one VM. */
export type Work = (vm: Candidate, observer: PhaseObserver) => Promise<Report>;

/** Is told what happens. */
export interface AllWatcher {
  /** A phase begins. */
  readonly phase?: (vm: Candidate, phase: PhaseName) => void;
  /** A VM is done, or left out. */
  readonly done?: (report: Report) => void;
  readonly leftOut?: (vm: LeftOut) => void;
}

/** What to do with whom. */
export interface AllRequest {
  readonly vms: readonly ListedVm[];
  /** How many more there are that belong to other users. */
  readonly unreadable?: number;
  /** Processes that may be VMs, and cannot be looked at. */
  readonly passedOver?: readonly PassedOver[];
  /** So many VMs are worked on at once, one of them in its downtime. */
  readonly jobs: number;
  /** After so many failures no VM is touched any more. */
  readonly maxFailures: number;
  readonly work: Work;
  readonly watcher?: AllWatcher | undefined;
}

/**
 * What may befall the next VM as well. One that is refused, shut down, cancelled
 * before it executes the new program, or that ended before it was touched, says
 * nothing of that program.
 */
function isFailure({ outcome, error }: Report): boolean {
  if (outcome === "needs-person") return error?.code !== ENDED_UNTOUCHED;
  return outcome === "rolled-back" && error?.code !== CANCELLED;
}

/** The first phase that touches the guest. */
const PAUSE_BEGINS: PhaseName = "migrate";
/** The first of each start of an update. */
const START: PhaseName = "facts";

/** Works on every VM that can be updated at first sight. */
export async function workOnAll(request: AllRequest): Promise<AllReport> {
  using signals = new DeferredSignals();
  const start = performance.now();
  const crowd = new Crowd(request, signals);
  for (const { pid, why } of request.passedOver ?? []) {
    crowd.leaveOut({ pid, name: null, qmp: null }, why);
  }
  await crowd.work();
  return allReport({
    results: crowd.results,
    leftOut: crowd.leftOut,
    unreadable: request.unreadable ?? 0,
    interrupted: signals.seen.length > 0,
    durationMs: round(performance.now() - start),
  });
}

/** VMs under way. */
class Crowd {
  readonly #request: AllRequest;
  readonly #signals: DeferredSignals;
  readonly #turns = new Turns();
  readonly #reports: (Report | undefined)[] = [];
  readonly leftOut: LeftOut[] = [];
  #failures = 0;

  constructor(request: AllRequest, signals: DeferredSignals) {
    this.#request = request;
    this.#signals = signals;
  }

  /** In the order of the VMs, whoever was done first. */
  get results(): Report[] {
    return this.#reports.filter((report) => report !== undefined);
  }

  async work(): Promise<void> {
    const waiting = this.#request.vms.entries();
    const worker = async () => {
      for (const [place, vm] of waiting) {
        const why = vm.obstacle ?? this.#reasonToStop();
        if (why !== undefined || !hasMonitor(vm)) {
          this.leaveOut(vm, why ?? "it has no QMP socket");
        } else await this.#workOn(vm, place);
      }
    };
    const jobs = Math.max(1, this.#request.jobs);
    await Promise.all(Array.from({ length: jobs }, worker));
  }

  async #workOn(vm: Candidate, place: number): Promise<void> {
    const { work, watcher } = this.#request;
    let turn: Turn = await this.#turns.share();
    let hasBegun = false;
    try {
      const report = await reported(vm, () =>
        work(vm, async (phase) => {
          if (phase === PAUSE_BEGINS) {
            turn[Symbol.dispose]();
            turn = await this.#turns.alone();
            this.#refuseToGoOn();
          } else if (phase === START && hasBegun) {
            // It starts over, and looks at the VM beside others again.
            turn[Symbol.dispose]();
            turn = await this.#turns.share();
          }
          hasBegun = true;
          watcher?.phase?.(vm, phase);
        }));
      if (isFailure(report)) this.#failures++;
      this.#reports[place] = report;
      watcher?.done?.(report);
    } finally {
      turn[Symbol.dispose]();
    }
  }

  leaveOut(
    { pid, name, qmp }: Pick<ListedVm, "pid" | "name" | "qmp">,
    why: string,
  ): void {
    const vm = { pid, name, qmp, why };
    this.leftOut.push(vm);
    this.#request.watcher?.leftOut?.(vm);
  }

  /** @throws {RefusedError} when the VM is not to be touched any more */
  #refuseToGoOn(): void {
    const why = this.#reasonToStop();
    if (why === undefined) return;
    throw new RefusedError("not-its-turn", `The VM was not touched: ${why}`, {
      remedy: "Fix the cause, then run the same command again",
    });
  }

  #reasonToStop(): string | undefined {
    const { seen } = this.#signals;
    if (seen.length > 0) return `${seen.join(", ")} came`;
    if (this.#failures < this.#request.maxFailures) return undefined;
    return this.#failures === 1
      ? "another VM failed before it"
      : `${this.#failures} others failed before it`;
  }
}

function hasMonitor(vm: ListedVm): vm is Candidate {
  return vm.qmp !== null;
}

/** A report also of a VM that could not be reached. */
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

/** The report of a VM that could not be looked at. */
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
