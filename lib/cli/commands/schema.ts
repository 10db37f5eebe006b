import { inertJson } from "../../inert.ts";
import { command } from "../command.ts";

/** `cprctl schema`: the JSON Schema of what `--json` prints. */
export const schemaCommand = command({
  name: "schema",
  brief: "Print the JSON Schema of the report",
  description: "Print the JSON Schema (draft 2020-12) of the report that " +
    "update, check and demo print with --json.",
  options: {},
  operands: [],
  examples: [["cprctl schema >report.schema.json", "for your own validator"]],
  async run({ process }) {
    const { reportJsonSchema } = await import("../../update/report/schema.ts");
    process.stdout.write(`${inertJson(reportJsonSchema(), 2)}\n`);
  },
});
