/** The command line of the package's build. */

import { parseArgs } from "node:util";
import { UsageError } from "../../lib/errors.ts";
import { type Target, targetOf } from "../compile/target.ts";

export const HELP = `\
Build a Debian package.

Usage: deno task package [--target ARCHITECTURE] [--into FOLDER]
                         [--runtime FILE]

  --target   x86_64 or aarch64 (default: this machine's)
  --into     where to put it (default: dist)
  --runtime  the Deno to bring along (default: the one that builds; for another
             target, the same version from npm)

Makes cprctl_VERSION_ARCHITECTURE.deb, and its .sha256. DEBFULLNAME and DEBEMAIL
name the maintainer, SOURCE_DATE_EPOCH the time of its files (default: that of
the commit).
`;

/** What to build. */
export interface PackageOptions {
  readonly target: Target;
  readonly into: string;
  readonly runtime: string | undefined;
}

/**
 * Reads the words of the command line.
 *
 * @param into the folder unless the words name one
 * @returns undefined where help is asked for
 * @throws {UsageError} for words that mean nothing
 */
export function parseOptions(
  words: readonly string[],
  into: string,
): PackageOptions | undefined {
  const values = valuesOf(words);
  if (values.help === true) return undefined;
  return {
    target: targetOf(values.target ?? Deno.build.target),
    into: values.into ?? into,
    runtime: values.runtime,
  };
}

function valuesOf(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        target: { type: "string" },
        into: { type: "string" },
        runtime: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`Cannot read the command line: ${error.message}`, {
      remedy: "Look at: deno task package --help",
      cause: error,
    });
  }
}
