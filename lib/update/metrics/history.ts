/**
 * The history of a host's updates. It is stored only in the metrics file, which
 * is read, extended and written again.
 *
 * @module
 */

import { printable } from "../../inert.ts";
import { type Outcome, OUTCOMES } from "../error.ts";
import type { Report } from "../report/report.ts";
import { parseSamples } from "./exposition.ts";

/** The names of the metrics; the history is read back by them. */
export const METRIC = {
  VMS: "cprctl_vms",
  UNREADABLE: "cprctl_unreadable_vms",
  UPDATABLE: "cprctl_vm_updatable",
  DUE: "cprctl_vm_update_due",
  UPDATES: "cprctl_updates_total",
  LAST_OUTCOME: "cprctl_vm_last_update_outcome",
  LAST_TIME: "cprctl_vm_last_update_time_seconds",
  LAST_DOWNTIME: "cprctl_vm_last_update_downtime_seconds",
} as const;

/** The outcomes that are counted: those of real updates. */
export const COUNTED = [
  "updated",
  "refused",
  "rolled-back",
  "needs-person",
] as const satisfies readonly Outcome[];

/** The result of a VM's last update. */
export interface LastUpdate {
  readonly outcome: string;
  /** The code of its error; empty without one. */
  readonly error: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Seconds; undefined if the guest was not stopped. */
  readonly downtime: number | undefined;
}

/** Identifies a VM; with its name, since the pid may be reused. */
export interface VmKey {
  readonly pid: number;
  readonly name: string | null;
}

/** The history of a host's updates. */
export class History {
  readonly #counts = new Map<string, number>();
  readonly #last = new Map<string, LastUpdate>();

  /** Reads the history from metrics that were written before. */
  static read(metrics: string): History {
    const history = new History();
    const last = new Map<string, Partial<Mutable<LastUpdate>>>();
    for (const { name, labels, value } of parseSamples(metrics)) {
      const { pid = "", name: vm = "", outcome = "", error = "" } = labels;
      const isCount = Object.hasOwn(OUTCOMES, outcome) && value >= 0;
      if (name === METRIC.UPDATES && isCount) {
        history.#counts.set(outcome, value);
      }
      const known = last.getOrInsert(keyOf(pid, vm), {});
      if (name === METRIC.LAST_OUTCOME) {
        Object.assign(known, { outcome, error });
      }
      if (name === METRIC.LAST_TIME) known.time = value;
      if (name === METRIC.LAST_DOWNTIME) known.downtime = value;
    }
    for (const [key, { outcome, error = "", time, downtime }] of last) {
      if (outcome === undefined || time === undefined) continue;
      history.#last.set(key, { outcome, error, time, downtime });
    }
    return history;
  }

  /** Adds an update that has just ended. */
  add(report: Report, at: Date): void {
    const { outcome, error, downtime_ms } = report;
    if (!COUNTED.some((it) => it === outcome)) return;
    this.#counts.set(outcome, this.count(outcome) + 1);
    const pid = report.pid_after ?? report.pid_before;
    if (pid === null) return;
    this.#last.set(keyOf(String(pid), report.vm.name ?? ""), {
      outcome,
      error: error?.code ?? "",
      time: Math.floor(at.getTime() / 1000),
      downtime: downtime_ms === null ? undefined : secondsOf(downtime_ms),
    });
  }

  /** The number of updates with this outcome. */
  count(outcome: Outcome): number {
    return this.#counts.get(outcome) ?? 0;
  }

  /** The result of a VM's last update; undefined if none is known. */
  lastOf({ pid, name }: VmKey): LastUpdate | undefined {
    return this.#last.get(keyOf(String(pid), name ?? ""));
  }
}

/** Rounded to microseconds, the unit of QMP's timestamps. */
function secondsOf(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1_000_000;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function keyOf(pid: string, name: string): string {
  return `${pid}\n${printable(name)}`; // as it is written
}
