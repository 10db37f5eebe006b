/** The build, run as a program of its own. */

import { assertEquals } from "@std/assert";
import { type Ended, runProgram } from "../../testing/program/run.ts";

const COMPILE = new URL("../../scripts/compile.ts", import.meta.url).pathname;

/** Runs the build into a folder. */
export function runBuild(
  into: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const deno = [Deno.execPath(), "run", "--allow-all", "--no-check"] as const;
  return runProgram([...deno, COMPILE, "--into", into, ...words], {
    env: { DENORT_BIN: "", NO_COLOR: "1", ...env },
  });
}

/** Builds the portable program into a folder; returns its path. */
export async function buildPortable(into: string): Promise<string> {
  const { code, stderr } = await runBuild(into, ["--form", "portable"]);
  assertEquals([code, stderr], [0, ""]);
  return `${into}/cprctl`;
}
