/** The command line of the package's build. */

import { type Target, targetOf } from "../compile/target.ts";
import { readOptions } from "../options.ts";

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
  const { help, texts } = readOptions(words, {
    texts: ["target", "into", "runtime"],
  });
  if (help) return undefined;
  return {
    target: targetOf(texts.target ?? Deno.build.target),
    into: texts.into ?? into,
    runtime: texts.runtime,
  };
}
