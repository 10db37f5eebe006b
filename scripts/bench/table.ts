/** Prints what was measured. */

import { WAITS } from "./report.ts";
import type { PhaseSeries } from "./report.ts";
import type { Series } from "./series.ts";

/** How numbers are shown. */
export interface Unit {
  readonly name: string;
  readonly digits: number;
}

export const SECONDS: Unit = { name: "s ", digits: 2 };
export const MILLISECONDS: Unit = { name: "ms", digits: 1 };
export const MEGABYTES_A_SECOND: Unit = { name: "MB/s", digits: 0 };
export const GIGABYTES_A_SECOND: Unit = { name: "GB/s", digits: 1 };

const NAME_WIDTH = 42;
const NUMBER_WIDTH = 9;

/** A section's headline. */
export function printTitle(name: string, what: string): void {
  console.log(`\n${name}: ${what}`);
}

/** Medians with their range; the ratio is to the first row, the yardstick. */
export function printTable(
  unit: Unit,
  rows: Readonly<Record<string, Series>>,
): void {
  const all = Object.entries(rows);
  const yardstick = all[0]?.[1].median ?? NaN;
  const number = (value: number) =>
    value.toFixed(unit.digits).padStart(NUMBER_WIDTH);
  for (const [index, [name, series]] of all.entries()) {
    const range = `${number(series.least)} …${number(series.most)}`;
    const ratio = index > 0
      ? `${(series.median / yardstick).toFixed(2)} ×`
      : all.length > 1
      ? "yardstick"
      : "";
    console.log(
      `  ${name.padEnd(NAME_WIDTH)}${number(series.median)} ${unit.name}  ` +
        `${range}  n=${series.count}  ${ratio}`,
    );
  }
}

/** A line of words under a table. */
export function printNote(text: string): void {
  console.log(`  ${text}`);
}

/** Where the time of updates went, and what each phase waits for. */
export function printPhases(phases: PhaseSeries): void {
  for (const { name, series } of phases.rows) {
    const { digits, name: unit } = MILLISECONDS;
    const median = series.median.toFixed(digits).padStart(NUMBER_WIDTH);
    console.log(`    ${name.padEnd(10)}${median} ${unit}  ${WAITS[name]}`);
  }
}
