/** A build as a task: from its command line to its exit code. */

import { errorText, exitCodeOf } from "../../lib/cli/wording/errors.ts";

/**
 * Builds what the command line says, and ends the process.
 *
 * @param options undefined where help is asked for
 * @param build returns the path of what it made
 */
export async function runBuild<Options>(
  help: string,
  options: () => Options | undefined,
  build: (options: Options) => Promise<string>,
): Promise<never> {
  try {
    const given = options();
    if (given === undefined) {
      console.log(help);
      Deno.exit(0);
    }
    const path = await build(given);
    const megabytes = Math.round((await Deno.stat(path)).size / 1e6);
    console.log(`Made ${path}, ${megabytes} MB`);
    Deno.exit(0);
  } catch (error) {
    const text = errorText(error, Deno.env.has("CPRCTL_DEBUG"));
    // What a child said has lines.
    console.error(text.replaceAll("\\x0a", "\n    "));
    Deno.exit(exitCodeOf(error));
  }
}
