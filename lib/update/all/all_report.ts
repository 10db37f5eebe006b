/**
 * The report of several VMs: what `--all --json` prints, and its schema.
 *
 * @module
 */

import * as v from "valibot";
import { type Outcome, OUTCOMES } from "../error.ts";
import { type Report, REPORT_SCHEMA, reportSchema } from "../report/report.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const milliseconds = v.pipe(v.number(), v.minValue(0));

const leftOutSchema = v.strictObject({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  name: v.nullable(v.string()),
  qmp: v.nullable(v.string()),
  code: v.pipe(
    v.string(),
    v.description("the stable name of the reason, such as the id of a check"),
  ),
  why: v.string(),
  due: v.pipe(
    v.boolean(),
    v.description("false if an update would have had nothing to do"),
  ),
});

/** The reports of several updates. */
export const allReportSchema = v.strictObject({
  schema: v.literal(REPORT_SCHEMA),
  results: v.pipe(
    v.array(reportSchema),
    v.description("the VMs that were worked on, by ascending pid"),
  ),
  starts_ms: v.pipe(
    v.array(milliseconds),
    v.description("when each result was begun, since the start of the run"),
  ),
  left_out: v.pipe(
    v.array(leftOutSchema),
    v.description(
      "VMs with a known obstacle, and those not reached before the run stopped",
    ),
  ),
  summary: v.strictObject({
    "outcomes": v.pipe(
      v.record(v.string(), count),
      v.description("the number of results by outcome"),
    ),
    "left_out": count,
    "unreadable": v.pipe(
      count,
      v.description("the number of further VMs, of other users"),
    ),
    "interrupted": v.boolean(),
    "duration_ms": milliseconds,
    "longest_downtime_ms": v.nullable(milliseconds),
  }),
});

/** The reports of several updates. */
export type AllReport = v.InferOutput<typeof allReportSchema>;
/** A VM that was not worked on. */
export type LeftOut = v.InferOutput<typeof leftOutSchema>;

/** The results of a run. */
export interface AllFindings {
  readonly results: readonly Report[];
  /** In milliseconds since the start of the run. */
  readonly starts: readonly number[];
  readonly leftOut: readonly LeftOut[];
  readonly unreadable: number;
  readonly interrupted: boolean;
  readonly durationMs: number;
}

/** Adds the summary. */
export function allReport(
  { results, starts, leftOut, unreadable, ...run }: AllFindings,
): AllReport {
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const { outcome } of results) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  const downtimes = results.map((it) => it.downtime_ms).filter((it) =>
    it !== null
  );
  return {
    schema: REPORT_SCHEMA,
    results: [...results],
    starts_ms: [...starts],
    left_out: [...leftOut],
    summary: {
      outcomes,
      left_out: leftOut.length,
      unreadable,
      interrupted: run.interrupted,
      duration_ms: run.durationMs,
      longest_downtime_ms: downtimes.length === 0
        ? null
        : Math.max(...downtimes),
    },
  };
}

/**
 * The highest exit code; that of "refused" at least after a signal, and if a VM
 * was left out that is due. A check is asked about every VM, due or not.
 */
export function exitCodeOfAll(
  { results, left_out, summary }: AllReport,
  what: "check" | "update" = "update",
): number {
  const isMissing = left_out.some(({ due }) => due || what === "check");
  return Math.max(
    summary.interrupted || isMissing ? OUTCOMES.refused : 0,
    ...results.map(({ outcome }) => OUTCOMES[outcome]),
  );
}
