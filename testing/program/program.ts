/** The program under test: what CPRCTL names, or the source of this checkout. */

import "./run_place.ts";
import { type Ended, runProgram } from "./run.ts";

export type { Ended } from "./run.ts";

const SOURCE = ["run", "--quiet", "--allow-all"];

/** The words that start cprctl. */
export function cprctlWords(): [string, ...string[]] {
  const path = Deno.env.get("CPRCTL");
  if (path !== undefined && path !== "") return [path];
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), ...SOURCE, main];
}

/** Runs cprctl to its end, for at most `timeoutMs`. */
export async function runCprctl(
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<Ended> {
  return await runProgram([...cprctlWords(), ...args], { timeoutMs });
}
