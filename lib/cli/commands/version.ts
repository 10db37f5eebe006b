import { buildCommand } from "@stricli/core";
import { VERSION } from "../../version.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { switchFlag } from "../flags/parameters.ts";
import { inertJson } from "../../inert.ts";

/** `cprctl version`: which cprctl this is. */
export const versionCommand = buildCommand<{ json: boolean }, [], CliContext>({
  docs: {
    brief: "Print which cprctl this is",
    fullDescription: withExamples(
      "Print the version; with --json also the commit, what the program was\n" +
        "started as (source, compiled or portable), and its Deno.",
      [
        ["cprctl version", "the version"],
        ["cprctl version --json", "all that a bug report needs"],
      ],
    ),
  },
  parameters: {
    flags: {
      json: switchFlag("Print a JSON document"),
    },
  },
  func: async function (flags): Promise<void> {
    if (flags.json) {
      const { versionInfo } = await import("../version_info.ts");
      const info = inertJson(await versionInfo(), 2);
      this.process.stdout.write(`${info}\n`);
    } else {
      this.process.stdout.write(`cprctl ${VERSION}\n`);
    }
  },
});
