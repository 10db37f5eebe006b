import { buildCommand } from "@stricli/core";
import { VERSION } from "../../version.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { switchFlag } from "../flags/parameters.ts";
import { inertJson } from "../../inert.ts";

/** `cprctl version`: which cprctl this is. */
export const versionCommand = buildCommand<
  { json: boolean; licences: boolean },
  [],
  CliContext
>({
  docs: {
    brief: "Print which cprctl this is",
    fullDescription: withExamples(
      "Print the version; with --json also the commit, what the program was\n" +
        "started as (source, compiled or portable), and its Deno.",
      [
        ["cprctl version", "the version"],
        ["cprctl version --json", "all that a bug report needs"],
        ["cprctl version --licences", "whose work it is, and on what terms"],
      ],
    ),
  },
  parameters: {
    flags: {
      json: switchFlag("Print a JSON document"),
      licences: switchFlag("Print the licences of all that is in this program"),
    },
  },
  func: async function (flags): Promise<void> {
    if (flags.licences) {
      const { licences } = await import("../licences.ts");
      this.process.stdout.write(await licences());
    } else if (flags.json) {
      const { versionInfo } = await import("../version_info.ts");
      const info = inertJson(await versionInfo(), 2);
      this.process.stdout.write(`${info}\n`);
    } else {
      this.process.stdout.write(`cprctl ${VERSION}\n`);
    }
  },
});
