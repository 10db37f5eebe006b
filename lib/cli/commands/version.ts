import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";

/** `cprctl version`: which cprctl this is. */
export const versionCommand = buildCommand({
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
      json: {
        kind: "boolean",
        brief: "Print a JSON document",
        default: false,
        withNegated: false,
      },
    },
  },
  loader: async () => {
    const { versionInfo } = await import("../version_info.ts");
    return function (this: CliContext, flags: { json: boolean }): void {
      const info = versionInfo();
      this.process.stdout.write(
        flags.json
          ? `${JSON.stringify(info, null, 2)}\n`
          : `cprctl ${info.version}\n`,
      );
    };
  },
});
