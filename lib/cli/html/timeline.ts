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
  const total = totalTime(report);
  const window = windowAround(downtimeOf(report), total);
  const isPart = window.start > 0 || window.end < total;
  return markup`<section class="timeline"><h3>Timeline</h3>${
    isPart ? wholeStrip(report, window) : NOTHING
  }${timelineSvg(report, new Scale(window), id)}</section>`;
}

/**
 * The whole update in one line: the downtime in the accent, the rest in grey.
 */
export function timelineStrip(timed: Timed, total: number): Markup {
  const scale = new Scale({ start: 0, end: total });
  const downtime = downtimeOf(timed);
  return markup`<svg class="strip" width="100%" height="${STRIP}" aria-hidden="true"><rect class="track" x="0" y="6" width="100%" height="2"/>${
    timed.phases.map((phase) => scale.bar(phase, 4, "bar"))
  }${
    downtime === undefined
      ? NOTHING
      : scale.box("paused", downtime, 1, STRIP - 2)
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

function timelineSvg(report: Report, scale: Scale, id: string): Markup {
  const downtime = downtimeOf(report);
  const first = downtime === undefined ? 0 : ROW;
  const height = first + report.phases.length * ROW;
  return markup`<svg class="rows" height="${
    height + SCALE
  }" role="img" aria-labelledby="${id}-title ${id}-words"><title id="${id}-title">Timeline of ${
    vmName(report)
  }</title><desc id="${id}-words">${description(report)}</desc>${
    downtime === undefined
      ? NOTHING
      : guestRow(report.downtime_ms, downtime, scale, height)
  }${
    report.phases.map((phase, index) => {
      const top = first + index * ROW;
      const duration = formatDuration(phase.duration_ms);
      return markup`<g>${label(phase.name, duration, top, "figure")}${
        scale.bar(phase, top + BAR, CLASSES[kindOf(phase, downtime)])
      }</g>`;
    })
  }${scale.axis(downtime?.start ?? 0, height)}</svg>`;
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

/**
 * The downtime: behind all rows, and in that of the guest. It has no end if the
 * guest did not resume.
 */
function guestRow(
  length: number | null,
  downtime: Span,
  scale: Scale,
  height: number,
): Markup {
  const { start, end } = downtime;
  const { window } = scale;
  const value = length === null ? "stopped" : formatDuration(length);
  const edges = length === null ? [start] : [start, end];
  return markup`<g>${scale.box("band", downtime, 0, height)}${
    edges.map((at) => scale.upright("edge", at, 0, height))
  }</g><g>${label("guest", value, 0, "accent")}${
    scale.stretch("running", window.start, start)
  }${scale.stretch("still", start, end)}${
    length === null ? NOTHING : scale.stretch("running", end, window.end)
  }</g>`;
}

/** The texts left and right of a row. */
function label(name: string, value: string, top: number, tone: string): Markup {
  const y = top + BASELINE;
  const { names, figures } = MARGINS;
  return markup`<text x="0" dx="${-names}" y="${y}">${name}</text><text x="100%" dx="${figures}" text-anchor="end" class="${tone}" y="${y}">${value}</text>`;
}

/** Draws at times. */
class Scale {
  constructor(readonly window: Span) {}

  /** A phase's bar; an arrow at the edge for one outside of the scale. */
  bar(phase: Phase, y: number, tone: string): Markup {
    const { start, end } = spanOf(phase);
    const below = y + THICKNESS + 1;
    if (end < this.window.start) {
      return markup`<text class="beyond" y="${below}" x="0">‹</text>`;
    }
    if (start > this.window.end) {
      return markup`<text class="beyond" y="${below}" x="100%" text-anchor="end">›</text>`;
    }
    return this.box(tone, { start, end }, y, THICKNESS);
  }

  /** Round figures, relative to the guest's stop. */
  axis(zero: number, top: number): Markup {
    const { step, marks } = ticksOf(this.window, zero, TICKS);
    const [unit, unitLength] = step >= 1000 ? ["s", 1000] : ["ms", 1];
    return markup`<g>${line("tick", 0, "100%", top, top)}${
      marks.map(({ at, figure }) => {
        const number = String(figure / unitLength).replace("-", "−");
        const text = figure === 0 ? `0 ${unit}` : number;
        return markup`${
          this.upright("tick", at, top, top + 5)
        }<text class="scale" x="${this.#x(at)}" y="${
          top + 20
        }" text-anchor="middle">${text}</text>`;
      })
    }</g>`;
  }

  /** A rectangle from the start of a span to its end. */
  box(name: string, { start, end }: Span, y: number, height: number): Markup {
    const width = percent(this.#place(end) - this.#place(start));
    return markup`<rect class="${name}" x="${
      this.#x(start)
    }" y="${y}" width="${width}" height="${height}"/>`;
  }

  /** A line across the rows. */
  upright(name: string, at: number, top: number, bottom: number): Markup {
    return line(name, this.#x(at), this.#x(at), top, bottom);
  }

  /** A line in the guest's row; nothing outside of the scale. */
  stretch(name: string, start: number, end: number): Markup {
    const y = BAR + THICKNESS / 2;
    return this.#place(end) <= this.#place(start)
      ? NOTHING
      : line(name, this.#x(start), this.#x(end), y, y);
  }

  #place(time: number): number {
    return placeOf(time, this.window);
  }

  #x(time: number): string {
    return percent(this.#place(time));
  }
}

type Length = string | number;

function line(name: string, x1: Length, x2: Length, y1: Length, y2: Length) {
  return markup`<line class="${name}" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
