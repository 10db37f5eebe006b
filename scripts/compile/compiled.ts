/**
 * The compiled form: `deno compile`.
 *
 * It puts the code into denort, a Deno without its tools. Deno looks for denort
 * where DENORT_BIN says, then among what it downloaded before, then on the
 * network.
 *
 * @module
 */

import { run } from "../../testing/qemu/builds/child.ts";
import { checkExecutable } from "./elf.ts";
import { BuildError, NoDenortError } from "./error.ts";
import { PERMISSIONS } from "./permissions.ts";
import type { Target } from "./target.ts";

/** Stands in a deno, in the text of its own help, and in no denort. */
const TEXT_OF_DENO = "Compile the script into a self contained executable";

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
 * @throws {BuildError} where something else was taken for a denort
 */
export async function compile(
  entry: string,
  output: string,
  target: Target,
): Promise<void> {
  const own = Deno.env.get("DENORT_BIN");
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
  await checkExecutable(output, target, own || "denort");
  if (await contains(output, TEXT_OF_DENO)) {
    throw new BuildError(
      "Cannot build with this denort: what came out is the Deno CLI",
      {
        remedy: "Let DENORT_BIN name denort (in denort-" +
          `${target.triple}.zip of Deno ${Deno.version.deno}), not deno`,
      },
    );
  }
}

async function contains(path: string, text: string): Promise<boolean> {
  const bytes = await Deno.readFile(path);
  return new TextDecoder("latin1").decode(bytes).includes(text);
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
