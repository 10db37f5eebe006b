/** A report on a terminal: the verdict first, then the details. */

import { unicodeWidth } from "@std/cli";
import type { CommandChange } from "../../update/command/draft.ts";
import type { Check } from "../../update/preflight/check.ts";
import type { Comparison, Report } from "../../update/report/report.ts";
import type { Look } from "../process.ts";
import { aligned, wrap } from "../wording/columns.ts";
import { formatSize } from "../wording/format.ts";
import { mapTexts, printable } from "../../inert.ts";
import {
  partsOfRemedy,
  refusalsOf,
  repeatsRefusals,
} from "../wording/refusals.ts";
import { tallyChecks } from "../wording/tally.ts";
import { type ReportView, sentence, VERDICTS } from "../wording/verdict.ts";
import { type Paint, painter, type Tone } from "./paint.ts";
import { renderTimeline } from "./timeline.ts";

const CHECK_TONES: Readonly<Record<Check["verdict"], Tone>> = {
  ok: "good",
  warn: "careful",
  refuse: "bad",
  skipped: "faint",
};

/** What of a report is shown. */
export interface ReportDetail {
  /** Default: "update". */
  readonly view?: ReportView | undefined;
  /** Whether checks that passed are shown, too. */
  readonly verbose?: boolean | undefined;
}

/** Renders a report; the text ends with a line feed. */
export function renderReport(
  report: Report,
  look: Look,
  detail: ReportDetail = {},
): string {
  const parts = new ReportText(look, detail).parts(mapTexts(report, printable));
  return `${parts.join("\n\n")}\n`;
}

class ReportText {
  readonly #paint: Paint;

  constructor(
    private readonly look: Look,
    private readonly detail: ReportDetail,
  ) {
    this.#paint = painter(look.colour);
  }

  /** The parts that are not empty, beginning with the verdict. */
  parts(report: Report): string[] {
    return [
      this.#verdict(report),
      this.#mode(report),
      refusalsOf(report).map((it) => this.#check(it)).join("\n"),
      this.#timeline(report),
      this.#memory(report),
      this.#comparisons(report.before_after ?? []),
      report.outcome === "refused" && !this.detail.verbose
        ? ""
        : this.#commandChanges(report.command_changes),
      this.#differences(report.differences),
      this.#checks(report.checks),
      report.warnings.map((text) => this.#led("warning:", "careful", text))
        .join("\n"),
      this.#error(report),
    ].filter((part) => part !== "");
  }

  /** "updated: guest0 runs on QEMU 11.1.3 (was 11.1.2), same pid 4711, …". */
  #verdict(report: Report): string {
    const [word, tone] = VERDICTS[report.outcome];
    return this.#led(`${word}:`, tone, sentence(report));
  }

  #mode({ mode, mode_why: why }: Report): string {
    return why === null ? "" : this.#led(`  ${mode}:`, "faint", why);
  }

  #timeline(report: Report): string {
    const { outcome, downtime_ms: downtime } = report;
    const isIdle = this.detail.view === "check" || outcome === "up-to-date" ||
      outcome === "refused" && downtime === null;
    return isIdle ? "" : renderTimeline(report, this.look);
  }

  #memory({ ram, mode, outcome }: Report): string {
    if (ram === null || outcome !== "updated") return "";
    const blocks = ram.blocks === 1 ? "1 block" : `${ram.blocks} blocks`;
    const text = `${formatSize(ram.bytes)} of RAM in ${blocks} stayed in place`;
    return this.#led(`  ${mode}:`, "faint", text);
  }

  /** Values before and after; the mark shows whether they differ. */
  #comparisons(rows: readonly Comparison[]): string {
    if (rows.length === 0) return "";
    const changed = this.look.unicode ? "→" : ">";
    const [head = [], ...lines] = aligned([
      ["", "before", " ", "after"],
      ...rows.map(({ what, before, after }) => [
        ...[what, before, before === after ? "=" : changed, after],
      ]),
    ]);
    const line = (cells: readonly string[]) => `  ${cells.join("  ")}`;
    return [
      this.#paint(line(head), "faint"),
      ...lines.map(([what = "", before = "", mark = "", after = ""]) => {
        const painted = this.#paint(mark, mark === "=" ? "good" : "busy");
        return line([what, before, painted, after]);
      }),
    ].join("\n");
  }

  #commandChanges(changes: readonly CommandChange[]): string {
    if (changes.length === 0) return "";
    const lines = changes.flatMap(({ from, to, why }) =>
      this.#change(from, to, why)
    );
    return ["command line:", ...lines].join("\n");
  }

  /** Those that the guest would see, or all. */
  #differences(all: Report["differences"]): string {
    const lines = all
      .filter(({ verdict }) =>
        this.detail.verbose || verdict === "seen-by-guest"
      )
      .flatMap(({ what, before, after, why }) => [
        `  ${what}`,
        ...this.#change(before, after, why),
      ]);
    return lines.length === 0 ? "" : ["differences:", ...lines].join("\n");
  }

  /** What was, what is, and why. */
  #change(from: string | null, to: string | null, why: string): string[] {
    return [
      ...(from === null ? [] : [`  - ${from}`]),
      ...(to === null ? [] : [`  + ${to}`]),
      this.#led("   ", "faint", why, 4),
    ];
  }

  /** The number of checks by verdict, then those that the view shows. */
  #checks(checks: readonly Check[]): string {
    if (checks.length === 0) return "";
    const shown = checks.filter(({ verdict }) =>
      verdict === "warn" || this.detail.verbose && verdict !== "refuse"
    );
    return [
      `checks: ${tallyChecks(checks)}`,
      ...shown.map((it) => this.#check(it)),
    ].join("\n");
  }

  #check({ verdict, id, detail, remedy }: Check): string {
    const lead = `  ${verdict.padEnd(7)}`;
    const line = this.#led(lead, CHECK_TONES[verdict], `${id}: ${detail}`, 10);
    return remedy === null ? line : `${line}\n${this.#remedy(remedy, 10)}`;
  }

  /** The error, unless it only repeats what the refusals say. */
  #error(report: Report): string {
    const { error } = report;
    if (error === null || repeatsRefusals(report)) return "";
    const { message, qemu, remedy } = error;
    return [
      this.#led("error:", "bad", message),
      ...(qemu === null ? [] : [this.#led("  QEMU says:", "faint", qemu)]),
      ...(remedy === null ? [] : [this.#remedy(remedy, 2)]),
    ].join("\n");
  }

  /** Options at its end stand on lines of their own, to be pasted. */
  #remedy(remedy: string, indent: number): string {
    const lead = `${" ".repeat(indent)}try:`;
    const { prose, options } = partsOfRemedy(remedy);
    const lines = options.map((it) => `${" ".repeat(indent + 2)}${it}`);
    const text = this.#led(lead, "strong", prose, indent);
    return lines.length === 0 ? text : `${text}\n${lines.join(" \\\n")}`;
  }

  /** A paragraph whose first word has its own tone. */
  #led(lead: string, tone: Tone, text: string, indent = 2): string {
    const { width } = this.look;
    const rest = wrap(text, { width, lead: unicodeWidth(lead) + 1, indent });
    return `${this.#paint(lead, tone)} ${rest}`;
  }
}
