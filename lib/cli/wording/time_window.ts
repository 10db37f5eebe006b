/** The part of an update that a timeline shows, in milliseconds. */

import type { Phase } from "../../update/phase.ts";
import type { Report } from "../../update/report/report.ts";

/** The fields of a report for a timeline. */
export type Timed = Pick<
  Report,
  "phases" | "downtime_ms" | "downtime_start_ms"
>;

/** A span of time, in milliseconds from the start of the update. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The minimum length of a scale. */
const SHORTEST = 0.1;
/** For a downtime below this share, only its surroundings are shown. */
const SMALLEST_SHARE = 0.3;
/** The margin on either side of such a downtime, as a multiple of it. */
const MARGIN = 0.5;

/** The time of a phase. */
export function spanOf({ start_ms: start, duration_ms: length }: Phase): Span {
  return { start, end: start + length };
}

/** What a phase is shown as: one that lies mostly in the downtime is paused. */
export function kindOf(
  phase: Phase,
  downtime: Span | undefined,
): "rollback" | "paused" | "running" {
  if (phase.name === "rollback") return "rollback";
  return isMostlyIn(spanOf(phase), downtime) ? "paused" : "running";
}

/** Whether more than half of a span is in another one. */
function isMostlyIn(span: Span, other: Span | undefined): boolean {
  if (other === undefined) return false;
  const shared = Math.min(span.end, other.end) -
    Math.max(span.start, other.start);
  return shared * 2 > span.end - span.start;
}

/** The end of the last phase and of the downtime. */
export function totalTime(
  { phases, downtime_ms: length, downtime_start_ms: start }: Timed,
): number {
  return Math.max(
    ...phases.map((phase) => spanOf(phase).end),
    start === null ? 0 : start + (length ?? 0),
    SHORTEST,
  );
}

/** The same times, counted from a moment so many milliseconds earlier. */
export function later(timed: Timed, by: number): Timed {
  const { phases, downtime_ms, downtime_start_ms: start } = timed;
  return {
    phases: phases.map((it) => ({ ...it, start_ms: it.start_ms + by })),
    downtime_ms,
    downtime_start_ms: start === null ? null : start + by,
  };
}

/** The time when the guest was stopped; to the end if it did not resume. */
export function downtimeOf(timed: Timed): Span | undefined {
  const { downtime_start_ms: start, downtime_ms: length } = timed;
  if (start === null) return undefined;
  return { start, end: length === null ? totalTime(timed) : start + length };
}

/** The total time, or the surroundings of a short downtime. */
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

/** The place of a time on an axis, from 0 to 1; at its ends for any beyond. */
export function placeOf(time: number, { start, end }: Span): number {
  return Math.max(0, Math.min(1, (time - start) / (end - start)));
}

/** A mark of a time axis: its place, and its time after zero. */
interface Tick {
  readonly at: number;
  readonly figure: number;
}

/** Round times on an axis, so many at most; one of them is zero. */
export function ticksOf(
  { start, end }: Span,
  zero: number,
  most: number,
): { readonly step: number; readonly marks: readonly Tick[] } {
  const step = roundUp((end - start) / most);
  const marks: Tick[] = [];
  const first = Math.ceil((start - zero) / step);
  for (let tick = first; tick * step + zero <= end; tick++) {
    const figure = Number((tick * step).toPrecision(6));
    marks.push({ at: tick * step + zero, figure });
  }
  return { step, marks };
}

/** The next of 1, 2, 5, 10, 20, 50 … at or above the value. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return factor * power;
}
