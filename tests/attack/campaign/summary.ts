/** What the campaign says. */

import type { Result } from "./play.ts";
import { describe, type Round } from "./round.ts";

/** A round that is over. */
export interface Played {
  readonly round: Round;
  /** What came of it, or what was wrong. */
  readonly result: Result | Error;
}

/** One line about one round. */
export function lineOf({ round, result }: Played): string {
  return [
    String(round.number).padStart(4),
    result instanceof Error
      ? `WRONG: ${result.message.trim().slice(0, 600)}`
      : `${result.outcome}, ${result.done} done, ${result.canaries} canaries, ` +
        `${Math.round(result.memoryMiB)} MiB, ${result.seconds.toFixed(1)} s`,
    describe(round),
  ].join(" | ");
}

/** Counts by outcome, and the most that cprctl took, as a Markdown table. */
export function summary(played: readonly Played[]): string {
  const groups = new Map<string, Result[]>();
  let wrong = 0;
  for (const { result } of played) {
    if (result instanceof Error) wrong++;
    else {
      const { outcome } = result;
      groups.set(outcome, [...groups.get(outcome) ?? [], result]);
    }
  }
  const most = (of: readonly Result[], what: "memoryMiB" | "seconds") =>
    Math.max(0, ...of.map((it) => it[what]));
  const row = (name: string, of: readonly Result[]) =>
    `| ${name} | ${of.length} | ${Math.round(most(of, "memoryMiB"))} MiB | ` +
    `${most(of, "seconds").toFixed(1)} s |`;
  const all = [...groups.values()].flat();
  const canaries = all.reduce((sum, it) => sum + it.canaries, 0);
  return [
    "| outcome | rounds | most memory | longest |",
    "| --- | --- | --- | --- |",
    ...[...groups].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, of]) => row(name, of)),
    row("all", all),
    "",
    `${wrong} wrong; programs of the attacker's were run ${canaries} times`,
  ].join("\n");
}
