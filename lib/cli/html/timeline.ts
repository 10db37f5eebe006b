/**
 * The phases of an update as bars over one scale of time, as an SVG.
 *
 * ```text
 *   guest    ─────┊· · · · · · · · ┊──     91.3 ms
 *   prepare  ▄▄▄▄▄┊                ┊       25.2 ms
 *   load          ┊        ▄▄▄▄▄▄▄▄┊       37.3 ms
 *            -50  0 ms    50       ┊100
 * ```
 *
 * There is no viewBox: bars are in per cent and scale with the page, while text
 * keeps its size on a phone. Names and figures are outside of the SVG's box, in
 * margins of the style sheet. Zero is when the guest stops. If the downtime
 * would be too short to see, the scale shows only its surroundings, and a strip
 * above shows the whole.
 *
 * @module
 */

import type { Phase } from "../../update/phase.ts";
import type { Report } from "../../update/report/report.ts";
import { formatDuration } from "../wording/format.ts";
import {
  downtimeOf,
  kindOf,
  placeOf,
  type Span,
  spanOf,
  ticksOf,
  type Timed,
  totalTime,
  windowAround,
} from "../wording/time_window.ts";
import { vmName } from "../wording/verdict.ts";
import { type Markup, markup, NOTHING } from "./markup.ts";

/** Height of a row, in pixels. */
const ROW = 28;
/** From the top of a row to the baseline of its text. */
const BASELINE = 19;
/** From the top of a row to its bar. */
const BAR = 11;
/** Height of a bar. */
const THICKNESS = 6;
/** The margins for names and figures, in pixels, as in the style sheet. */
export const MARGINS = { names: 78, figures: 80 } as const;
/** Height of the scale below the last row. */
const SCALE = 26;
/** Height of a strip. */
const STRIP = 14;
/** Maximum number of labels on the narrowest page. */
const TICKS = 6;

const CLASSES = {
  rollback: "bar back",
  paused: "bar paused",
  running: "bar",
} as const;

/** The timeline; nothing if no phase was entered. */
export function timelineSection(report: Report, id: string): Markup {
  if (report.phases.length === 0) return NOTHING;
  const window = windowAround(downtimeOf(report), totalTime(report));
  const isPart = window.start > 0 || window.end < totalTime(report);
  return markup`<section class="timeline"><h3>Timeline</h3>${
    isPart ? wholeStrip(report, window) : NOTHING
  }${timelineSvg(report, window, id)}</section>`;
}

/**
 * The whole update in one line: the downtime in the accent, the rest in grey.
 */
export function timelineStrip(timed: Timed, total: number): Markup {
  const window = { start: 0, end: total };
  const downtime = downtimeOf(timed);
  return markup`<svg class="strip" width="100%" height="${STRIP}" aria-hidden="true"><rect class="track" x="0" y="6" width="100%" height="2"/>${
    timed.phases.map((phase) => bar(phase, 4, window, "bar"))
  }${
    downtime === undefined
      ? NOTHING
      : box("paused", downtime, window, 1, STRIP - 2)
  }</svg>`;
}

function wholeStrip(report: Report, window: Span): Markup {
  const total = totalTime(report);
  const shown = formatDuration(window.end - window.start);
  return markup`<p class="whole">${timelineStrip(report, total)}
<span>The whole, ${
    formatDuration(total)
  }; below, ${shown} of it around the downtime</span></p>
`;
}

function timelineSvg(report: Report, window: Span, id: string): Markup {
  const downtime = downtimeOf(report);
  const first = downtime === undefined ? 0 : ROW;
  const height = first + report.phases.length * ROW;
  return markup`<svg class="rows" height="${
    height + SCALE
  }" role="img" aria-labelledby="${id}-title ${id}-words"><title id="${id}-title">Timeline of ${
    vmName(report)
  }</title><desc id="${id}-words">${description(report)}</desc>${
    downtime === undefined ? NOTHING : [
      downtimeBand(report, downtime, window, height),
      guestRow(report, downtime, window),
    ]
  }${
    report.phases.map((phase, index) =>
      phaseRow(phase, first + index * ROW, window, downtime)
    )
  }${scale(window, downtime?.start ?? 0, height)}</svg>`;
}

function description(report: Report): string {
  const phases = report.phases.map((phase) =>
    `${phase.name} ${formatDuration(phase.duration_ms)}`
  );
  const downtime = downtimeOf(report);
  if (downtime === undefined) return `${phases.join(", ")}.`;
  const stopped = `The guest stopped after ${formatDuration(downtime.start)}`;
  const resumed = report.downtime_ms === null
    ? "was not seen running again"
    : `ran again ${formatDuration(report.downtime_ms)} later`;
  return `${stopped} and ${resumed}. ${phases.join(", ")}.`;
}

/** The downtime behind all rows; without an end if the guest did not resume. */
function downtimeBand(
  report: Report,
  downtime: Span,
  window: Span,
  height: number,
): Markup {
  const { start, end } = downtime;
  const edges = report.downtime_ms === null ? [start] : [start, end];
  return markup`<g>${box("band", downtime, window, 0, height)}${
    edges.map((at) => upright("edge", at, window, 0, height))
  }</g>`;
}

function guestRow(report: Report, downtime: Span, window: Span): Markup {
  const { start, end } = downtime;
  const y = BAR + THICKNESS / 2;
  const stretch = (name: string, from: number, to: number) => {
    const [left, right] = [placeOf(from, window), placeOf(to, window)];
    return right <= left
      ? NOTHING
      : line(name, percent(left), percent(right), y, y);
  };
  const length = report.downtime_ms;
  const value = length === null ? "stopped" : formatDuration(length);
  return markup`<g>${label("guest", value, 0, "accent")}${
    stretch("running", window.start, start)
  }${stretch("still", start, end)}${
    length === null ? NOTHING : stretch("running", end, window.end)
  }</g>`;
}

function phaseRow(
  phase: Phase,
  top: number,
  window: Span,
  downtime: Span | undefined,
): Markup {
  const duration = formatDuration(phase.duration_ms);
  return markup`<g>${label(phase.name, duration, top, "figure")}${
    bar(phase, top + BAR, window, CLASSES[kindOf(phase, downtime)])
  }</g>`;
}

/** The texts left and right of a row. */
function label(name: string, value: string, top: number, tone: string): Markup {
  const y = top + BASELINE;
  return markup`<text x="0" dx="${-MARGINS
    .names}" y="${y}">${name}</text><text x="100%" dx="${MARGINS.figures}" text-anchor="end" class="${tone}" y="${y}">${value}</text>`;
}

/** A phase's bar; an arrow at the edge for one outside of the scale. */
function bar(phase: Phase, y: number, window: Span, tone: string): Markup {
  const times = spanOf(phase);
  const below = y + THICKNESS + 1;
  if (times.end < window.start) {
    return markup`<text class="beyond" y="${below}" x="0">‹</text>`;
  }
  if (times.start > window.end) {
    return markup`<text class="beyond" y="${below}" x="100%" text-anchor="end">›</text>`;
  }
  return box(tone, times, window, y, THICKNESS);
}

/** The time axis: round figures, relative to the guest's stop. */
function scale(window: Span, zero: number, top: number): Markup {
  const { step, marks } = ticksOf(window, zero, TICKS);
  const [unit, unitLength] = step >= 1000 ? ["s", 1000] : ["ms", 1];
  return markup`<g>${line("tick", 0, "100%", top, top)}${
    marks.map(({ at, figure }) => {
      const x = percent(placeOf(at, window));
      const number = String(figure / unitLength).replace("-", "−");
      const text = figure === 0 ? `0 ${unit}` : number;
      return markup`${
        upright("tick", at, window, top, top + 5)
      }<text class="scale" x="${x}" y="${
        top + 20
      }" text-anchor="middle">${text}</text>`;
    })
  }</g>`;
}

/** A line across the rows, at a time. */
function upright(
  name: string,
  at: number,
  window: Span,
  top: number,
  bottom: number,
): Markup {
  const x = percent(placeOf(at, window));
  return line(name, x, x, top, bottom);
}

type Length = string | number;

function line(name: string, x1: Length, x2: Length, y1: Length, y2: Length) {
  return markup`<line class="${name}" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>`;
}

/** A rectangle from the start of a span to its end. */
function box(
  name: string,
  { start, end }: Span,
  window: Span,
  y: number,
  height: number,
): Markup {
  const [left, right] = [placeOf(start, window), placeOf(end, window)];
  return markup`<rect class="${name}" x="${percent(left)}" y="${y}" width="${
    percent(right - left)
  }" height="${height}"/>`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
