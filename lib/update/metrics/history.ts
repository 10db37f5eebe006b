/**
 * What became of the updates of a host. There is no other record of it than
 * the metrics that were written before: they are read, added to, and written.
 *
 * @module
 */

import { printable } from "../../inert.ts";
import { type Outcome, OUTCOMES } from "../outcome.ts";
import type { Report } from "../report/report.ts";
import { parseSamples } from "./exposition.ts";
import { METRIC } from "./names.ts";

/** Outcomes of what was more than a look. */
export const COUNTED = [
  "updated",
  "refused",
  "rolled-back",
  "needs-person",
] as const satisfies readonly Outcome[];

/** What became of a VM's last update. */
export interface LastUpdate {
  readonly outcome: string;
  /** The code of the error that it ended with; empty without one. */
  readonly error: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Seconds; undefined where the guest was never stopped. */
  readonly downtime: number | undefined;
}

/** Whose it was: a VM's process, and its name lest the pid be another's now. */
export interface VmKey {
  readonly pid: number;
  readonly name: string | null;
}

/** All that became of updates. */
export class History {
  readonly #counts = new Map<string, number>();
  readonly #last = new Map<string, LastUpdate>();

  /** What metrics tell that were written before; nothing where they do not. */
  static read(metrics: string): History {
    const history = new History();
    const last = new Map<string, Partial<Mutable<LastUpdate>>>();
    for (const { name, labels, value } of parseSamples(metrics)) {
      const { pid = "", name: vm = "", outcome = "", error = "" } = labels;
      if (
        name === METRIC.UPDATES && Object.hasOwn(OUTCOMES, outcome) &&
        value >= 0
      ) {
        history.#counts.set(outcome, value);
      }
      const key = keyOf(pid, vm);
      const known = last.get(key) ?? {};
      if (name === METRIC.LAST_OUTCOME) {
        last.set(key, { ...known, outcome, error });
      }
      if (name === METRIC.LAST_TIME) last.set(key, { ...known, time: value });
      if (name === METRIC.LAST_DOWNTIME) {
        last.set(key, { ...known, downtime: value });
      }
    }
    for (const [key, { outcome, error = "", time, downtime }] of last) {
      if (outcome === undefined || time === undefined) continue;
      history.#last.set(key, { outcome, error, time, downtime });
    }
    return history;
  }

  /** Adds an update that has just ended; a mere look is none. */
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

  /** How many updates came out so. */
  count(outcome: Outcome): number {
    return this.#counts.get(outcome) ?? 0;
  }

  /** What became of a VM's last update; undefined where none is known. */
  lastOf({ pid, name }: VmKey): LastUpdate | undefined {
    return this.#last.get(keyOf(String(pid), name ?? ""));
  }
}

/** To a microsecond, as the monitor's timestamps are. */
function secondsOf(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1_000_000;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function keyOf(pid: string, name: string): string {
  return `${pid}\n${printable(name)}`; // as it is written
}
