/** Which stretch of an update a timeline shows, in milliseconds. */

import type { Phase } from "../../update/phase.ts";
import type { Report } from "../../update/report/report.ts";

/** What a timeline needs of a report. */
export type Timed = Pick<
  Report,
  "phases" | "downtime_ms" | "downtime_start_ms"
>;

/** A span of time, in milliseconds from the start of the update. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A scale must have a length, even if nothing took time. */
const SHORTEST = 0.1;
/** A downtime below this share of all time is looked at more closely. */
const SMALLEST_SHARE = 0.3;
/** What is shown on either side of such a downtime, in downtimes. */
const MARGIN = 0.5;

/** When a phase ended. */
export function endOf(phase: Phase): number {
  return phase.start_ms + phase.duration_ms;
}

/** When the last phase, and the downtime, had ended. */
export function totalTime(
  { phases, downtime_ms: length, downtime_start_ms: start }: Timed,
): number {
  return Math.max(
    ...phases.map(endOf),
    start === null ? 0 : start + (length ?? 0),
    SHORTEST,
  );
}

/** When the guest stood still; to the very end if it was not seen to go on. */
export function downtimeOf(timed: Timed): Span | undefined {
  const { downtime_start_ms: start, downtime_ms: length } = timed;
  if (start === null) return undefined;
  return { start, end: length === null ? totalTime(timed) : start + length };
}

/** All time, or the surroundings of a downtime that would hardly be seen. */
export function windowAround(downtime: Span | undefined, total: number): Span {
  if (downtime === undefined) return { start: 0, end: total };
  const length = downtime.end - downtime.start;
  if (length === 0 || length >= total * SMALLEST_SHARE) {
    return { start: 0, end: total };
  }
  return {
    start: Math.max(0, downtime.start - length * MARGIN),
    end: Math.min(total, downtime.end + length * MARGIN),
  };
}

/** The next of 1, 2, 5, 10, 20, 50 … at or above the value. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return factor * power;
}
