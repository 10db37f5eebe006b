/**
 * Asks a program what it is, by running it with options that only print.
 *
 * It has an empty environment and a short time, and is not read without end:
 * it may be anything. If we are root, one that the operator named and that is
 * root's alone runs as ours; any other in the VM's own confinement.
 *
 * @module
 */

import { OsError } from "../../../../ffi/libc.ts";
import { messageOf } from "../../../errors.ts";
import type { BriefEnd } from "../../../brief_run.ts";
import { type Choice, type SafeWay, safeWay } from "./safe_run.ts";

/** A program that is cold on a slow disk takes seconds to start. */
const TIMEOUT_MS = 15_000;
/** The list of devices takes some 50 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/** A program did not print what it was asked for. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

/** Where a program runs, and for how long. */
export interface ProbeOptions extends Choice {
  readonly timeoutMs?: number;
  /** In its otherwise empty environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

const answers = new Map<string, Promise<string>>();

/**
 * What a program prints; asked once as long as the file is the same.
 *
 * @throws {ProbeError} when it cannot be run, fails, or does not end
 */
export async function printedBy(
  binary: string,
  args: readonly string[],
  options: ProbeOptions,
): Promise<string> {
  const { dev, ino, mtime, size } = await Deno.stat(binary);
  const { variables = {} } = options;
  const way = await safeWay(binary, variables, options);
  const file = [binary, dev, ino, mtime, size];
  const key = JSON.stringify([file, way.key, variables, args]);
  const known = answers.get(key);
  if (known !== undefined) return await known;
  const answer = run(binary, args, way, options);
  answers.set(key, answer);
  return await answer;
}

async function run(
  binary: string,
  args: readonly string[],
  way: SafeWay,
  { timeoutMs = TIMEOUT_MS }: ProbeOptions,
): Promise<string> {
  const what = `"${binary} ${args.join(" ")}"`;
  let end: BriefEnd;
  try {
    const output = "stdout";
    end = await way.run({ args, output, maximum: MAX_OUTPUT, timeoutMs });
  } catch (error) {
    const reason = error instanceof OsError
      ? error.description
      : messageOf(error);
    throw new ProbeError(`Cannot run ${what}: ${reason}`, { cause: error });
  }
  if (end.failure !== undefined) throw new ProbeError(`${what} ${end.failure}`);
  return end.text;
}
