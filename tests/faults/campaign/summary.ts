/** What a campaign says. */

import type { Played } from "./campaign.ts";

/** One line about one round. */
export function lineOf({ round, result }: Played): string {
  const { number, fault, target: { machine, accelerator, builds } } = round;
  const where = `${machine.name} (${accelerator}, ${builds.old.version} → ` +
    `${builds.new.version})`;
  const what = fault.when === "" ? fault.name : `${fault.name}, ${fault.when}`;
  return [
    String(number).padStart(4),
    result instanceof Error
      ? `WRONG: ${firstLines(result.message)}`
      : `${result.outcome}, VM ${whereOf(result.side)}`,
    what,
    where,
  ].join(" | ");
}

function whereOf(side: string): string {
  return side === "ended" ? "ended by the fault" : `on the ${side} program`;
}

function firstLines(text: string): string {
  return text.split("\n").filter((it) => it.trim() !== "").slice(0, 3)
    .join(" / ");
}

/** Counts and downtimes by outcome, as a Markdown table. */
export function summary(played: readonly Played[]): string {
  const groups = new Map<string, (number | null)[]>();
  for (const { result } of played) {
    const name = result instanceof Error
      ? "**wrong**"
      : `${result.outcome}, VM ${whereOf(result.side)}`;
    const downtimes = groups.get(name) ?? [];
    downtimes.push(result instanceof Error ? null : result.downtimeMs);
    groups.set(name, downtimes);
  }
  const rows = [...groups].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, downtimes]) => {
      const known = downtimes.filter((it) => it !== null).sort((a, b) => a - b);
      const median = known[known.length >> 1];
      const longest = known[known.length - 1];
      return `| ${name} | ${downtimes.length} | ${ms(median)} | ${
        ms(longest)
      } |`;
    });
  return [
    "| outcome | rounds | median downtime | longest downtime |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function ms(value: number | undefined): string {
  return value === undefined ? "" : `${Math.round(value)} ms`;
}
