/**
 * The compiled form: `deno compile`.
 *
 * It puts the code into denort, a Deno without its tools. Deno looks for denort
 * where DENORT_BIN says, then among what it downloaded before, then on the
 * network.
 *
 * @module
 */

import { run } from "../qemu/child.ts";
import { BuildError, NoDenortError } from "./error.ts";
import { PERMISSIONS } from "./permissions.ts";
import type { Target } from "./target.ts";

/** denort is 40 MB, and lines are slow. */
const COMPILE_TIMEOUT_MS = 600_000;

const OPTIONS = [
  "--quiet",
  "--no-check",
  "--no-config",
  "--no-lock",
  // Else each host would keep compiled code in a file that others may guess.
  "--no-code-cache",
];

/**
 * Makes an executable.
 *
 * @param entry the bundle's first file
 * @throws {NoDenortError} where no denort is to be had
 */
export async function compile(
  entry: string,
  output: string,
  target: Target,
): Promise<void> {
  try {
    await run([
      Deno.execPath(),
      "compile",
      ...OPTIONS,
      ...PERMISSIONS,
      "--target",
      target.triple,
      "--output",
      output,
      entry,
    ], { timeoutMs: COMPILE_TIMEOUT_MS });
  } catch (cause) {
    const own = Deno.env.get("DENORT_BIN");
    if (own) {
      throw new BuildError(`Cannot compile with DENORT_BIN "${own}"`, {
        cause,
        remedy: "Name a denort that can be read, or unset DENORT_BIN",
      });
    }
    throw new NoDenortError("Cannot compile: no denort is to be had", {
      cause: reasonOf(cause),
      remedy: "Let DENORT_BIN name a denort of Deno " + Deno.version.deno,
    });
  }
}

/**
 * ```text
 * Caused by:
 *     0: Setting up base binary.
 *     1: error sending request for url (…): client error (Connect): dns error
 *     2: client error (Connect)
 * ```
 */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const [, reason] = error.message.matchAll(/^ +\d+: (.+)$/gm);
  return reason?.[1] === undefined ? error : new Error(reason[1]);
}
