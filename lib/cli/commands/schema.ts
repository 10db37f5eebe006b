import { jsonText } from "../../inert.ts";
import { command, oneOf, type Operand } from "../command.ts";
import type { DocumentName } from "../schemas.ts";

/** Each document, and the command that prints it with --json. */
const DOCUMENTS: readonly DocumentName[] = [
  "report",
  "all",
  "list",
  "prepare",
  "recover",
  "inspect",
  "diff",
  "compat",
  "version",
];

/** `cprctl schema`: the JSON Schema of what `--json` prints. */
export const schemaCommand = command({
  name: "schema",
  brief: "Print the JSON Schema of what --json prints",
  description:
    "Print the JSON Schema (draft 2020-12) of a document that is printed with " +
    "--json: report is printed by update, check and demo for one VM, all by " +
    "update and check with --all; each other one is named as its command. " +
    "Every schema also allows the document of an error.",
  options: {},
  operands: [
    {
      name: "DOCUMENT",
      parse: oneOf(DOCUMENTS),
      propose: () => DOCUMENTS,
      brief: `${DOCUMENTS.join(", ")} (default: report)`,
      optional: true,
    } satisfies Operand<DocumentName>,
  ],
  examples: [
    ["cprctl schema >report.schema.json", "for your own validator"],
    ["cprctl schema list", "that of cprctl list --json"],
  ],
  async run({ process }, _options, name = "report") {
    const { documentJsonSchema } = await import("../schemas.ts");
    process.stdout.write(jsonText(documentJsonSchema(name)));
  },
});
