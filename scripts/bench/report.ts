/** Updates by cprctl itself, in a process of its own, as people run it. */

import type { PhaseName } from "../../lib/update/phase.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { outputOf } from "./run.ts";
import { Series } from "./series.ts";

/** What each phase waits for. */
export const WAITS: Readonly<Record<PhaseName, string>> = {
  facts: "the monitor's answers and /proc",
  preflight: "the monitor's answers to the checks",
  prepare: "parameters to be set; the new program to be read from disk",
  migrate: "the old program: VM stopped, CPR state and block list written",
  hold: "nobody: descriptors duplicated, block list compared",
  switchover: "the old program to save devices and exec, the new one to start",
  load: "the new program to be built up, and to read the state",
  verify: "the new program's answers about the machine it built",
  commit: "the guest to run",
  rollback: "the old program to start again",
};

/**
 * Updates a VM.
 *
 * @throws {Error} when it was not updated
 */
export async function updateOf(
  cprctl: readonly string[],
  socket: string,
  words: readonly string[] = [],
): Promise<Report> {
  const text = await outputOf(
    [...cprctl, "update", "--force", "--json", "--qmp", socket, ...words],
  );
  return JSON.parse(text);
}

/** The phases of several updates. */
export class PhaseSeries {
  readonly #phases = new Map<PhaseName, Series>();

  /** The downtime as the checks predicted it, and as the report tells it. */
  readonly predicted = new Series();
  readonly reported = new Series();

  /** Adds one update. */
  add({ phases, ...report }: Report): void {
    this.predicted.add(report.downtime_predicted_ms ?? NaN);
    this.reported.add(report.downtime_ms ?? NaN);
    for (const { name, duration_ms } of phases) {
      const series = this.#phases.get(name) ?? new Series();
      this.#phases.set(name, series);
      series.add(duration_ms);
    }
  }

  /** In the order they were taken. */
  get rows(): { name: PhaseName; series: Series }[] {
    return [...this.#phases].map(([name, series]) => ({ name, series }));
  }
}
