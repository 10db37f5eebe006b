import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { errorDocumentSchema, reportSchema } from "./report.ts";

/** The JSON Schema of `--json`: the report of an update, or an error. */
export function reportJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Report of cprctl",
    ...toJsonSchema(v.union([reportSchema, errorDocumentSchema]), {
      target: "draft-2020-12",
    }),
  };
}
