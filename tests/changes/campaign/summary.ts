/** What the campaign says. */

import type { Played } from "./campaign.ts";

/** One line about one sequence. */
export function lineOf({ number, changes, result }: Played): string {
  return [
    String(number).padStart(4),
    result instanceof Error ? `WRONG: ${result.message.trim()}` : result,
    changes.join(", "),
  ].join(" | ");
}

/** Counts by outcome and by change, as two Markdown tables. */
export function summary(played: readonly Played[]): string {
  const outcomes = played.map(({ result }) =>
    result instanceof Error ? "**wrong**" : result
  );
  const changes = played.flatMap(({ changes }) => changes);
  return [
    ...table("outcome", "sequences", outcomes),
    "",
    ...table("change; in brackets: QEMU refused it", "times", changes),
  ].join("\n");
}

function table(what: string, unit: string, names: readonly string[]): string[] {
  const counts = Object.entries(Object.groupBy(names, (name) => name))
    .map(([name, all]) => `| ${name} | ${all?.length} |`);
  return [`| ${what} | ${unit} |`, "| --- | --- |", ...counts.sort()];
}
