/**
 * Asks a program what it is, by running it with options that only print.
 *
 * It runs as the VM's user, with an empty environment, for a short time, and
 * is not read without end: it may be anything.
 *
 * @module
 */

import { type BriefEnd, runBriefly } from "../../../brief_run.ts";

/** A program that is cold on a slow disk takes seconds to start. */
const TIMEOUT_MS = 15_000;
/** The list of devices takes some 50 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/** A program did not print what it was asked for. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

/** Who runs a program, and for how long. */
export interface ProbeOptions {
  /** Counts when we are root. */
  readonly user: { readonly uid: number; readonly gid: number };
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
  const { user: { uid }, variables } = options;
  const file = [binary, dev, ino, mtime, size];
  const key = JSON.stringify([file, uid, variables, args]);
  const known = answers.get(key);
  if (known !== undefined) return await known;
  const answer = run(binary, args, options);
  answers.set(key, answer);
  return await answer;
}

async function run(
  binary: string,
  args: readonly string[],
  { user, timeoutMs = TIMEOUT_MS, variables = {} }: ProbeOptions,
): Promise<string> {
  const what = `"${binary} ${args.join(" ")}"`;
  const limits = { maximum: MAX_OUTPUT, timeoutMs };
  let end: BriefEnd;
  try {
    const run = { args, user, variables, output: "stdout", ...limits } as const;
    end = await runBriefly(binary, run);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProbeError(`Cannot run ${what}: ${reason}`, { cause: error });
  }
  if (end.failure !== undefined) throw new ProbeError(`${what} ${end.failure}`);
  return end.text;
}
