/** Programs of the host that are run to their end. @module */

import { runBriefly } from "../../brief_run.ts";
import { OsError } from "../../../ffi/libc.ts";
import { UpdateProblem } from "../error.ts";

const MAXIMUM = 64 * 1024;

/**
 * Runs a program that the operator has installed, and returns its output.
 *
 * @throws {UpdateProblem} when it is missing, fails, or takes too long
 */
export async function output(
  program: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<string> {
  const { text, failure } = await runBriefly(program, {
    ...{ args, timeoutMs, maximum: MAXIMUM },
    output: "stdout",
    variables: { LC_ALL: "C" },
  }).catch((cause) => {
    if (!(cause instanceof OsError)) throw cause;
    throw new UpdateProblem(
      "host-program",
      `Cannot run "${program}": ${cause.message}`,
      { cause, remedy: `Install ${program}` },
    );
  });
  if (failure === undefined) return text;
  throw new UpdateProblem(
    "host-program",
    `"${[program, ...args].join(" ")}" ${failure}`,
  );
}
