import { assertEquals } from "@std/assert";
import { sourceFiles } from "./source_files.ts";

/** Where documents are printed. */
const PRINTING = ["lib/cli", "lib/inspect/json.ts", "lib/inspect/json_text.ts"];

Deno.test("JSON is printed in one way, which a terminal may show", async () => {
  for await (const { path, text } of sourceFiles(PRINTING)) {
    assertEquals(text.match(/\bJSON\.stringify\b/g), null, path);
  }
});
