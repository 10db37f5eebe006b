/** A report on a terminal: the verdict first, then the details. */

import { unicodeWidth } from "@std/cli";
import type { CommandChange } from "../../update/command/draft.ts";
import type { Check } from "../../update/preflight/check.ts";
import type {
  Comparison,
  Report,
  ReportError,
} from "../../update/report/report.ts";
import type { Look } from "../process.ts";
import { aligned, wrap } from "../wording/columns.ts";
import { formatSize } from "../wording/format.ts";
import { mapTexts, printable } from "../../inert.ts";
import { sentence, VERDICTS } from "../wording/verdict.ts";
import { type Paint, painter, type Tone } from "./paint.ts";
import { renderTimeline } from "./timeline.ts";

const CHECK_TONES: Readonly<Record<Check["verdict"], Tone>> = {
  ok: "good",
  warn: "careful",
  refuse: "bad",
  skipped: "faint",
};

/** Whether the report is of an update or a check. */
export type ReportView = "update" | "check";

/** Renders a report; the text ends with a line feed. */
export function renderReport(
  report: Report,
  look: Look,
  view: ReportView = "update",
): string {
  const parts = new ReportText(look, view).parts(mapTexts(report, printable));
  return `${parts.join("\n\n")}\n`;
}

class ReportText {
  readonly #look: Look;
  readonly #view: ReportView;
  readonly #paint: Paint;

  constructor(look: Look, view: ReportView) {
    this.#look = look;
    this.#view = view;
    this.#paint = painter(look.colour);
  }

  /** The parts that are not empty, beginning with the verdict. */
  parts(report: Report): string[] {
    return [
      this.#verdict(report),
      this.#timeline(report),
      this.#memory(report),
      this.#comparisons(report.before_after ?? []),
      this.#commandChanges(report.command_changes),
      this.#checks(report.checks),
      report.warnings.map((text) => this.#led("warning:", "careful", text))
        .join("\n"),
      this.#error(report.error),
    ].filter((part) => part !== "");
  }

  /** "updated: guest0 runs on QEMU 11.1.3 (was 11.1.2), same pid 4711, …". */
  #verdict(report: Report): string {
    const [word, tone] = VERDICTS[report.outcome];
    return this.#led(`${word}:`, tone, sentence(report));
  }

  #timeline(report: Report): string {
    return this.#view === "check" || report.outcome === "up-to-date"
      ? ""
      : renderTimeline(report, this.#look);
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
    const changed = this.#look.unicode ? "→" : ">";
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
    const lines = changes.flatMap(({ from, to, why }) => [
      ...(from === null ? [] : [`  - ${from}`]),
      ...(to === null ? [] : [`  + ${to}`]),
      this.#led("   ", "faint", why, 4),
    ]);
    return ["command line:", ...lines].join("\n");
  }

  /** The number of checks by verdict; in full those not ok, in a check all. */
  #checks(checks: readonly Check[]): string {
    if (checks.length === 0) return "";
    const counts = (Object.keys(CHECK_TONES) as Check["verdict"][])
      .map((verdict) => {
        const count = checks.filter((each) => each.verdict === verdict).length;
        return count === 0 ? "" : `${count} ${verdict}`;
      }).filter((text) => text !== "");
    const isShown = ({ verdict }: Check) =>
      this.#view === "check" || verdict !== "ok";
    const lines = checks.filter(isShown)
      .flatMap(({ verdict, id, detail, remedy }) => [
        this.#led(
          `  ${verdict.padEnd(7)}`,
          CHECK_TONES[verdict],
          `${id}: ${detail}`,
          10,
        ),
        ...(remedy === null ? [] : [this.#remedy(remedy, 10)]),
      ]);
    return [`checks: ${counts.join(", ")}`, ...lines].join("\n");
  }

  #error(error: ReportError | null): string {
    if (error === null) return "";
    const { message, qemu, remedy } = error;
    return [
      this.#led("error:", "bad", message),
      ...(qemu === null ? [] : [this.#led("  QEMU says:", "faint", qemu)]),
      ...(remedy === null ? [] : [this.#remedy(remedy, 2)]),
    ].join("\n");
  }

  #remedy(remedy: string, indent: number): string {
    const lead = `${" ".repeat(indent)}try:`;
    return this.#led(lead, "strong", remedy, indent);
  }

  /** A paragraph whose first word has its own tone. */
  #led(lead: string, tone: Tone, text: string, indent = 2): string {
    const { width } = this.#look;
    const rest = wrap(text, { width, lead: unicodeWidth(lead) + 1, indent });
    return `${this.#paint(lead, tone)} ${rest}`;
  }
}
