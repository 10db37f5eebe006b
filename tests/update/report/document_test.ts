import { assertEquals } from "@std/assert";
import { OUTCOMES } from "../../../lib/update/error.ts";
import { reportSchema } from "../../../lib/update/report/report.ts";

/** What docs/formats/report.md says of the report. */

const page = await Deno.readTextFile(
  new URL("../../../docs/formats/report.md", import.meta.url),
);

Deno.test("the page has every outcome with its exit code", () => {
  const rows = [...page.matchAll(/^\| `([\w-]+)` +\| (\d) +\|/gm)]
    .map(([, outcome = "", code]) => [outcome, Number(code)]);
  assertEquals(Object.fromEntries(rows), { ...OUTCOMES });
});

Deno.test("the page has every field", () => {
  const fields = page.split("## Fields")[1]?.split("\n## ")[0] ?? "";
  const names = new Set(fields.match(/\w+/g));
  assertEquals(
    Object.keys(reportSchema.entries).filter((name) => !names.has(name)),
    [],
  );
});
