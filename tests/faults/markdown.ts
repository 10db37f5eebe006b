/** The table of docs/faults.md, from what came of each fault. */

import type { Result } from "./harness/inject.ts";

/** Between the moments of a cell. */
export const BREAK = "<br>";

const VM = {
  old: "runs, old program",
  new: "runs, new program",
  ended: "ended by the fault",
} as const;

/** A Markdown table; a row a fault, where several moments ended alike. */
export function faultTable(results: readonly Result[]): string {
  const rows = new Map<string, { when: string[]; cells: string[] }>();
  for (const { fault, outcome, side, exitCode } of results) {
    const cells = [
      outcome === "none" ? "killed, then recovered" : outcome,
      exitCode === null ? "–" : String(exitCode),
      VM[side],
    ];
    const key = [fault.name, ...cells].join("\n");
    const row = rows.get(key) ?? { when: [], cells };
    if (!row.when.includes(fault.when)) row.when.push(fault.when);
    rows.set(key, row);
  }
  return [
    "| fault | when | outcome | exit code | VM afterwards |",
    "| --- | --- | --- | --- | --- |",
    ...[...rows].map(([key, { when, cells }]) =>
      `| ${[key.split("\n")[0], when.join(BREAK), ...cells].join(" | ")} |`
    ),
  ].join("\n");
}
