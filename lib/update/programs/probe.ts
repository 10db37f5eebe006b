/**
 * Asks a program what it is, by running it with options that only print.
 *
 * It may be any program: its environment is empty, its time and its output are
 * limited, and it runs where `safe_run.ts` allows.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import type { BriefEnd } from "../../brief_run.ts";
import { messageOf } from "../../errors.ts";
import {
  type Choice,
  fileKey,
  type SafeWay,
  safeWay,
  type Variables,
} from "./safe_run.ts";

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
  readonly variables?: Variables;
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
  const file = await fileKey(binary);
  const { variables = {}, timeoutMs = TIMEOUT_MS } = options;
  const way = await safeWay(binary, variables, options);
  const key = JSON.stringify([binary, file, way.key, variables, args]);
  return await answers.getOrInsertComputed(
    key,
    () => probe(`"${binary} ${args.join(" ")}"`, args, way, timeoutMs),
  );
}

async function probe(
  what: string,
  args: readonly string[],
  way: SafeWay,
  timeoutMs: number,
): Promise<string> {
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
