/** The command line as the command library knows it. */

import { type Application, buildApplication } from "@stricli/core";
import { VERSION } from "../version.ts";
import { applicationText } from "./application_text.ts";
import type { CliContext } from "./context.ts";
import { routes } from "./routes.ts";
import { exitCodeOf } from "./wording/errors.ts";

/** What counts as the same word mistyped: no more than two slips. */
const TYPING_SLIPS = {
  threshold: 4,
  weights: { insertion: 2, deletion: 2, substitution: 2, transposition: 1 },
};

/** All commands; their errors carry their stacks if `debug`. */
export function application(debug: boolean): Application<CliContext> {
  return buildApplication(routes, {
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
    localization: { text: applicationText(debug) },
  });
}
