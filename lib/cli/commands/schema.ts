import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { inertJson } from "../../inert.ts";

/** `cprctl schema`: the JSON Schema of what `--json` prints. */
export const schemaCommand = buildCommand({
  docs: {
    brief: "Print the JSON Schema of the report",
    fullDescription: withExamples(
      "Print the JSON Schema (draft 2020-12) of the report that update and demo\n" +
        "print with --json.",
      [["cprctl schema > report.schema.json", "for your own validator"]],
    ),
  },
  parameters: {},
  loader: async () => {
    const { reportJsonSchema } = await import("../../update/report/schema.ts");
    return function (this: CliContext): void {
      const schema = inertJson(reportJsonSchema(), 2);
      this.process.stdout.write(`${schema}\n`);
    };
  },
});
