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
  isMostlyIn,
  type Span,
  spanOf,
  ticksOf,
  type Timed,
  totalTime,
  windowAround,
} from "../wording/time_window.ts";
import { vmName } from "../wording/verdict.ts";
import { element, type Markup, markup, NOTHING } from "./markup.ts";

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

/** A stretch of the scale, from 0 to 1. */
interface Place {
  readonly from: number;
  readonly to: number;
}

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
  const track = { class: "track", x: 0, y: 6, width: "100%", height: 2 };
  return element(
    "svg",
    { class: "strip", width: "100%", height: STRIP, "aria-hidden": "true" },
    element("rect", track),
    timed.phases.map((phase) => bar(phase, 4, window, "bar")),
    downtime === undefined
      ? NOTHING
      : box("paused", placed(downtime, window), 1, STRIP - 2),
  );
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
  const attributes = {
    class: "rows",
    height: height + SCALE,
    role: "img",
    "aria-labelledby": `${id}-title ${id}-words`,
  };
  const rows = report.phases.map((phase, index) =>
    phaseRow(phase, first + index * ROW, window, downtime)
  );
  return element(
    "svg",
    attributes,
    element("title", { id: `${id}-title` }, `Timeline of ${vmName(report)}`),
    element("desc", { id: `${id}-words` }, description(report)),
    downtime === undefined
      ? NOTHING
      : downtimeBand(report, downtime, window, height),
    downtime === undefined ? NOTHING : guestRow(report, downtime, window),
    rows,
    scale(window, downtime?.start ?? 0, height),
  );
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
  const place = placed(downtime, window);
  const edges = report.downtime_ms === null
    ? [place.from]
    : [place.from, place.to];
  return element(
    "g",
    {},
    box("band", place, 0, height),
    edges.map((at) =>
      line("edge", { x1: percent(at), x2: percent(at), y1: 0, y2: height })
    ),
  );
}

function guestRow(report: Report, downtime: Span, window: Span): Markup {
  const { from, to } = placed(downtime, window);
  const y = BAR + THICKNESS / 2;
  const stretch = (name: string, start: number, end: number) =>
    end <= start
      ? NOTHING
      : line(name, { x1: percent(start), x2: percent(end), y1: y, y2: y });
  const length = report.downtime_ms;
  return element(
    "g",
    {},
    ...label("guest", length === null ? "stopped" : formatDuration(length), {
      top: 0,
      tone: "accent",
    }),
    stretch("running", 0, from),
    stretch("still", from, to),
    length === null ? NOTHING : stretch("running", to, 1),
  );
}

function phaseRow(
  phase: Phase,
  top: number,
  window: Span,
  downtime: Span | undefined,
): Markup {
  const isPaused = isMostlyIn(spanOf(phase), downtime);
  const tone = phase.name === "rollback"
    ? "bar back"
    : isPaused
    ? "bar paused"
    : "bar";
  const duration = formatDuration(phase.duration_ms);
  return element(
    "g",
    {},
    ...label(phase.name, duration, { top, tone: "figure" }),
    bar(phase, top + BAR, window, tone),
  );
}

/** The texts left and right of a row. */
function label(
  name: string,
  value: string,
  { top, tone }: { readonly top: number; readonly tone: string },
): Markup[] {
  const y = top + BASELINE;
  const right = { x: "100%", dx: MARGINS.figures, "text-anchor": "end" };
  return [
    element("text", { x: 0, dx: -MARGINS.names, y }, name),
    element("text", { ...right, class: tone, y }, value),
  ];
}

/** A phase's bar; an arrow at the edge for one outside of the scale. */
function bar(phase: Phase, y: number, window: Span, tone: string): Markup {
  const times = spanOf(phase);
  const beyond = { class: "beyond", y: y + THICKNESS + 1 };
  if (times.end < window.start) {
    return element("text", { ...beyond, x: 0 }, "‹");
  }
  if (times.start > window.end) {
    return element("text", { ...beyond, x: "100%", "text-anchor": "end" }, "›");
  }
  return box(tone, placed(times, window), y, THICKNESS);
}

/** The time axis: round figures, relative to the guest's stop. */
function scale(window: Span, zero: number, top: number): Markup {
  const { step, marks: ticks } = ticksOf(window, zero, TICKS);
  const [unit, unitLength] = step >= 1000 ? ["s", 1000] : ["ms", 1];
  const marks = ticks.map(({ at, figure }) => {
    const x = percent(placed({ start: at, end: at }, window).from);
    const text = String(figure / unitLength).replace("-", "−");
    const attributes = { class: "scale", x, y: top + 20 };
    return [
      line("tick", { x1: x, x2: x, y1: top, y2: top + 5 }),
      element(
        "text",
        { ...attributes, "text-anchor": "middle" },
        figure === 0 ? `0 ${unit}` : text,
      ),
    ];
  });
  const axis = line("tick", { x1: 0, x2: "100%", y1: top, y2: top });
  return element("g", {}, axis, marks);
}

function line(
  name: string,
  ends: Readonly<Record<"x1" | "x2" | "y1" | "y2", string | number>>,
): Markup {
  return element("line", { class: name, ...ends });
}

function box(
  name: string,
  { from, to }: Place,
  y: number,
  height: number,
): Markup {
  const width = percent(to - from);
  return element("rect", { class: name, x: percent(from), y, width, height });
}

/** The position of a span on the scale. */
function placed({ start, end }: Span, window: Span): Place {
  const length = window.end - window.start;
  const place = (time: number) =>
    Math.max(0, Math.min(1, (time - window.start) / length));
  return { from: place(start), to: place(end) };
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
