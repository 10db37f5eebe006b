/** cprctl, run to its end by root, with what it took. */

import { assert } from "@std/assert";
import { cprctlWords } from "../../../testing/program/program.ts";
import { runProgram } from "../../../testing/program/run.ts";

const PROGRAM = new URL("../programs/watched.pl", import.meta.url).pathname;
/** Beyond its own time limit, however slow the host is. */
const ALLOWANCE_S = 90;

/** How a run ended. */
export interface Run {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly memoryMiB: number;
  /** The session that it ran in. */
  readonly session: number;
  readonly seconds: number;
}

/** How cprctl is run. */
export interface RunOptions {
  /** A folder of root's. */
  readonly folder: string;
  /** Where its run directories are. */
  readonly base: string;
  /** Root's alone; open in it. */
  readonly secret: string;
  readonly timeoutS: number;
  /** With a terminal that it could lose. */
  readonly terminal: boolean;
}

/**
 * @throws {AssertionError} when it does not end
 */
export async function runWatched(
  args: readonly string[],
  { folder, base, secret, timeoutS, terminal }: RunOptions,
): Promise<Run> {
  const [report, out, err] = ["report", "out", "err"]
    .map((it) => `${folder}/${it}`);
  const limit = timeoutS + ALLOWANCE_S;
  const words = [
    ...["/usr/bin/perl", PROGRAM, report, `${limit}`, secret] as const,
    ...[...cprctlWords(), ...args],
  ];
  const command = `${words.map((it) => `'${it}'`).join(" ")} >${out} 2>${err}`;
  const since = performance.now();
  await runProgram(
    terminal
      ? ["script", "--quiet", "--return", "--command", command, "/dev/null"]
      : ["/bin/sh", "-c", command],
    {
      env: { RUNTIME_DIRECTORY: base, NO_COLOR: "1" },
      timeoutMs: 2 * limit * 1000,
    },
  );
  const seconds = (performance.now() - since) / 1000;
  const text = await Deno.readTextFile(report ?? "");
  const [status = 0, kibibytes = 0, session = 0, late] = text.split(" ")
    .map(Number);
  const stdout = await Deno.readTextFile(out ?? "");
  const stderr = await Deno.readTextFile(err ?? "");
  assert(late === 0, `It hangs, after ${limit} s: ${stdout} ${stderr}`);
  return {
    exitCode: (status & 0x7f) === 0 ? status >> 8 : null,
    stdout,
    stderr,
    memoryMiB: kibibytes / 1024,
    session,
    seconds,
  };
}
