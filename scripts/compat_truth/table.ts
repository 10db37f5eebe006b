/** What compat said, against what QEMU did. @module */

import type { Verdict } from "../../lib/inspect/compat/mod.ts";
import type { Predicted } from "./predict.ts";

/** How good a prediction was. */
export type Judgement =
  | "right"
  /** "refused", and QEMU loads it. */
  | "false refusal"
  /** "doubtful", and QEMU loads it. */
  | "false alarm"
  /** "compatible", and QEMU refuses it. */
  | "miss"
  /** As a miss, by a section that compat names as not covered. */
  | "unknown";

/** The judgements in the order of the table. */
export const JUDGEMENTS: readonly Judgement[] = [
  "right",
  "false refusal",
  "false alarm",
  "miss",
  "unknown",
];

const WHEN_LOADED: Readonly<Record<Verdict, Judgement>> = {
  compatible: "right",
  doubtful: "false alarm",
  refused: "false refusal",
};

export function judge({ verdict, failure, unseen }: Predicted): Judgement {
  if (failure === null) return WHEN_LOADED[verdict];
  if (verdict !== "compatible") return "right";
  const section = sectionIn(failure);
  return section !== undefined && unseen.includes(section) ? "unknown" : "miss";
}

/** The section that QEMU did not load: "0000:00:02.0/vga" is vga. */
function sectionIn(words: string): string | undefined {
  return /(?:of device|section or instance|unsupported version \d+ for) '(?:[^']*\/)?([^'/]+)'/
    .exec(words)?.[1];
}

/** Of each hundred loads, so many false alarms at most. */
const MOST_ALARMS = 0.05;

/** Whether compat may be relied on. */
export function isGood(loads: readonly Predicted[]): boolean {
  const count = (wanted: Judgement) =>
    loads.filter((load) => judge(load) === wanted).length;
  return loads.length > 0 && count("false refusal") === 0 &&
    count("false alarm") < MOST_ALARMS * loads.length;
}

/** The table, a row for each pair of builds. */
export function tableOf(loads: readonly Predicted[]): string {
  const pairs = Map.groupBy(
    loads,
    ({ source, destination }) => `${source} → ${destination}`,
  );
  const rows = [...pairs].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, some]) => row(name, some));
  return [
    ["loads", "all", ...JUDGEMENTS],
    ["-", "-", ...JUDGEMENTS.map(() => "-")],
    ...rows,
    row("all", loads),
  ].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function row(name: string, loads: readonly Predicted[]): string[] {
  const counts = Map.groupBy(loads, judge);
  return [
    name,
    `${loads.length}`,
    ...JUDGEMENTS.map((it) => `${counts.get(it)?.length ?? 0}`),
  ];
}

/** A wrong prediction on a line. */
export function lineOf(load: Predicted): string {
  const { device, machine, source, destination, findings, failure } = load;
  const said = findings.map(({ grade, rule, vmsd, field }) =>
    [grade, rule, vmsd, field].filter((it) => it !== undefined).join(" ")
  );
  return [
    `${judge(load)}: ${device} on ${machine}, ${source} → ${destination}`,
    ...said.length > 0 ? [`compat: ${said.join("; ")}`] : [],
    ...failure === null ? [] : [`QEMU: ${failure}`],
  ].join("\n  ");
}
