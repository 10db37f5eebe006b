/**
 * From the words of the command line to the exit code.
 *
 * The command library's own codes are negative; they all say that the words
 * were wrong or that something broke before a command ran.
 *
 * @module
 */

import {
  buildApplication,
  ExitCode,
  run as runApplication,
} from "@stricli/core";
import { VERSION } from "../version.ts";
import { exitCodeOf } from "./error_text.ts";
import type { CliProcess } from "./process.ts";
import { routes } from "./routes.ts";
import { applicationText } from "./text.ts";

/** What counts as the same word mistyped: no more than two slips. */
const TYPING_SLIPS = {
  threshold: 4,
  weights: { insertion: 2, deletion: 2, substitution: 2, transposition: 1 },
};

const USAGE_ERROR = 2;
const INTERNAL_ERROR = 1;

/**
 * Runs the command that the words name.
 *
 * @returns the exit code; every error has been printed
 */
export async function run(
  words: readonly string[],
  process: CliProcess,
): Promise<number> {
  const application = buildApplication(routes, {
    name: "cprctl",
    versionInfo: { currentVersion: VERSION },
    determineExitCode: exitCodeOf,
    scanner: {
      caseStyle: "allow-kebab-for-camel",
      allowArgumentEscapeSequence: true,
      distanceOptions: TYPING_SLIPS,
    },
    documentation: {
      useAliasInUsageLine: false,
      onlyRequiredInUsageLine: false,
    },
    localization: { text: applicationText(process.debug) },
  });
  await runApplication(application, words, { process });
  const code = process.exitCode ?? INTERNAL_ERROR;
  if (code >= 0) return code;
  return code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument
    ? USAGE_ERROR
    : INTERNAL_ERROR;
}
