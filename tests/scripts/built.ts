/** The build, run as a program of its own. */

import { assertEquals } from "@std/assert";

const COMPILE = new URL("../../scripts/compile.ts", import.meta.url).pathname;
const BUILD_TIMEOUT_MS = 120_000;

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program gets besides its words. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly clearEnv?: boolean;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a program to its end. */
export async function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  { stdin, ...surroundings }: Surroundings = {},
): Promise<Ended> {
  const child = new Deno.Command(program, {
    ...surroundings,
    args,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

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
  return `${into}/cprctl-portable`;
}
