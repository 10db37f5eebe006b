/** The command line of the build. */

import { UsageError } from "../../lib/errors.ts";
import { readOptions } from "../options.ts";
import { type Target, targetOf } from "./target.ts";

export const HELP = `\
Build one executable file.

Usage: deno task compile [--target ARCHITECTURE] [--form FORM] [--into FOLDER]
                         [--runtime FILE]

  --target   x86_64 or aarch64 (default: this machine's)
  --form     compiled: by deno compile; fails where there is no denort
             portable: a shell script with Deno appended; needs no denort
             (default: compiled, or portable where there is no denort)
  --into     where to put it (default: dist)
  --runtime  the Deno of a portable program (default: the one that builds; for
             another target, the same version from npm)

Makes cprctl and cprctl.sha256; where it is for another architecture, that is
in the name: cprctl-aarch64. DENORT_BIN names a denort of your own.
`;

/** The form of a built program. */
export type BuiltForm = "compiled" | "portable";

const FORMS: readonly string[] = ["compiled", "portable"];

/** What to build. */
export interface BuildOptions {
  readonly target: Target;
  /** Undefined where compiled is to be tried first. */
  readonly form: BuiltForm | undefined;
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
): BuildOptions | undefined {
  const { help, texts } = readOptions(words, {
    texts: ["target", "form", "into", "runtime"],
  });
  if (help) return undefined;
  const { form } = texts;
  if (form !== undefined && !isForm(form)) {
    throw new UsageError(`Cannot build the form "${form}"`, {
      remedy: `Choose ${FORMS.join(" or ")}`,
    });
  }
  return {
    target: targetOf(texts.target ?? Deno.build.target),
    form,
    into: texts.into ?? into,
    runtime: texts.runtime,
  };
}

function isForm(text: string): text is BuiltForm {
  return FORMS.includes(text);
}
