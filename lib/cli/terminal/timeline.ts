/**
 * The phases of an update as bars over one scale of time, with the guest's
 * downtime marked through all of them.
 *
 * ```text
 *   prepare  ━━━━━━━┊                    ┊            25.2 ms
 *   migrate         ━━╸                  ┊             6.7 ms
 *   switchover      ┊ ╺━━━━━━━━━━━╸      ┊            43.2 ms
 *   load            ┊             ━━━━━━━━            37.3 ms
 *   guest    ───────┤┄┄┄┄┄┄ paused ┄┄┄┄┄┄├──────      91.3 ms
 *            -20    0        40      80      120      ms
 * ```
 *
 * Zero is when the guest stops. If the downtime would be too short to see, the
 * scale shows only its surroundings, with marks at the edges.
 *
 * @module
 */

import type { Phase } from "../../update/phase.ts";
import type { Look } from "../process.ts";
import { columnsOf, padEnd } from "../wording/columns.ts";
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
import { type Paint, painter, type Tone } from "./paint.ts";

/** The resolution of a line is half a cell. */
const HALVES = 2;
/** "1234.5 ms" with a space before. */
const DURATION_WIDTH = 10;
/** The minimum distance of two labels of the scale, in columns. */
const TICK_SPACING = 9;

const GUEST = "guest";

const TONES = { rollback: "bad", paused: "careful", running: "busy" } as const;

/** Each in Unicode and in ASCII. */
const GLYPHS = {
  full: "━=",
  left: "╸=",
  right: "╺=",
  guide: "┊:",
  running: "─-",
  paused: "┄.",
  stop: "┤|",
  resume: "├|",
  earlier: "‹<",
  later: "›>",
} as const;

/** One column of a row. */
interface Cell {
  character: string;
  tone: Tone | undefined;
}

/** The timeline, one line for each phase; empty if no phase was entered. */
export function renderTimeline(report: Timed, look: Look): string {
  if (report.phases.length === 0) return "";
  return new Timeline(report, look).lines().join("\n");
}

class Timeline {
  readonly #downtime: Span | undefined;
  /** Whether the guest resumed. */
  readonly #resumed: boolean;
  readonly #window: Span;
  readonly #nameWidth: number;
  readonly #columns: number;
  readonly #paint: Paint;

  constructor(private readonly report: Timed, private readonly look: Look) {
    const { phases } = report;
    this.#resumed = report.downtime_ms !== null;
    this.#downtime = downtimeOf(report);
    this.#window = windowAround(this.#downtime, totalTime(report));
    this.#nameWidth = columnsOf([GUEST, ...phases.map(({ name }) => name)]);
    this.#columns = look.width - this.#nameWidth - DURATION_WIDTH - 4;
    this.#paint = painter(look.colour);
  }

  lines(): string[] {
    return [
      ...this.report.phases.map((phase) => this.#phaseLine(phase)),
      ...this.#downtime === undefined ? [] : [this.#guestLine(this.#downtime)],
      this.#scaleLine(),
    ];
  }

  #phaseLine(phase: Phase): string {
    const cells = this.#emptyRow();
    const span = spanOf(phase);
    const first = this.#half(span.start);
    const last = Math.max(first + 1, this.#half(span.end));
    const tone = TONES[kindOf(phase, this.#downtime)];
    for (const [index, cell] of cells.entries()) {
      const covers = (half: number) => half >= first && half < last;
      const coversLeft = covers(index * HALVES);
      const coversRight = covers(index * HALVES + 1);
      if (!coversLeft && !coversRight) continue;
      cell.character = this.#glyph(
        coversLeft ? (coversRight ? "full" : "left") : "right",
      );
      cell.tone = tone;
    }
    if (span.start < this.#window.start) {
      put(cells, 0, this.#glyph("earlier"), "faint");
    }
    if (span.end > this.#window.end) {
      put(cells, -1, this.#glyph("later"), "faint");
    }
    return this.#line(phase.name, cells, phase.duration_ms);
  }

  #guestLine(downtime: Span): string {
    const cells = this.#emptyRow();
    const first = this.#column(downtime.start);
    const last = Math.max(first, this.#column(downtime.end));
    for (const [index, cell] of cells.entries()) {
      const isPaused = index >= first && index <= last;
      cell.character = this.#glyph(isPaused ? "paused" : "running");
      cell.tone = isPaused ? "careful" : "good";
    }
    put(cells, first, this.#glyph("stop"), "careful");
    if (this.#resumed) put(cells, last, this.#glyph("resume"), "careful");
    const word = this.#resumed ? " paused " : " stopped ";
    const room = last - first - 1;
    if (word.length <= room) {
      const at = first + 1 + Math.floor((room - word.length) / 2);
      for (const [index, character] of [...word].entries()) {
        put(cells, at + index, character, "careful");
      }
    }
    return this.#line(
      GUEST,
      cells,
      this.#resumed ? downtime.end - downtime.start : undefined,
    );
  }

  /** Labels at round times, each beginning below its time. */
  #scaleLine(): string {
    const zero = this.#downtime?.start ?? 0;
    const ticks = Math.max(1, Math.floor(this.#columns / TICK_SPACING));
    let text = "";
    for (const { at, figure } of ticksOf(this.#window, zero, ticks).marks) {
      const label = String(figure);
      const column = this.#column(at);
      const overlaps = text !== "" && column <= text.length;
      if (overlaps || column + label.length > this.#columns) continue;
      text = text.padEnd(column) + label;
    }
    const name = "".padEnd(this.#nameWidth);
    const scale = text.padEnd(this.#columns);
    return this.#paint(`  ${name}  ${scale} ${"ms".padStart(9)}`, "faint");
  }

  #line(name: string, cells: readonly Cell[], milliseconds?: number): string {
    const duration = milliseconds === undefined
      ? ""
      : formatDuration(milliseconds).padStart(DURATION_WIDTH);
    const label = padEnd(name, this.#nameWidth);
    return `  ${label}  ${this.#painted(cells)}${duration}`.trimEnd();
  }

  #painted(cells: readonly Cell[]): string {
    let result = "";
    for (let index = 0; index < cells.length;) {
      const tone = cells[index]?.tone;
      let run = "";
      while (index < cells.length && cells[index]?.tone === tone) {
        run += cells[index]?.character ?? "";
        index += 1;
      }
      result += this.#paint(run, tone);
    }
    return result;
  }

  #glyph(name: keyof typeof GLYPHS): string {
    return GLYPHS[name][this.look.unicode ? 0 : 1] ?? "";
  }

  /** Blanks, with the two guides of the downtime. */
  #emptyRow(): Cell[] {
    const cells = Array.from(
      { length: this.#columns },
      (): Cell => ({ character: " ", tone: undefined }),
    );
    const { start, end } = this.#downtime ?? {};
    for (const edge of [start, this.#resumed ? end : undefined]) {
      if (edge === undefined) continue;
      put(cells, this.#column(edge), this.#glyph("guide"), "faint");
    }
    return cells;
  }

  /** The position of a time, in half cells. */
  #half(time: number): number {
    return Math.round(placeOf(time, this.#window) * this.#columns * HALVES);
  }

  /** The position of a time, in cells; the last cell for the very end. */
  #column(time: number): number {
    const column = Math.floor(this.#half(time) / HALVES);
    return Math.min(this.#columns - 1, column);
  }
}

/** Sets one cell; a negative index counts from the end. */
function put(cells: Cell[], index: number, character: string, tone: Tone) {
  const cell = cells.at(index);
  if (cell === undefined) return;
  cell.character = character;
  cell.tone = tone;
}
