import { assertEquals } from "@std/assert";
import { BREAK } from "./markdown.ts";
import { FAULTS } from "./table/mod.ts";

const HEADING = "\n## The table\n";

/** The moments in the table, by fault. */
function injected(page: string): Map<string, string[]> {
  const section = page.split(HEADING)[1] ?? "";
  const [, , ...rows] = section.split("\n").filter((it) => it.startsWith("| "));
  const moments = new Map<string, string[]>();
  for (const row of rows) {
    const [, name = "", when = ""] = row.split("|").map((it) => it.trim());
    moments.set(name, [...moments.get(name) ?? [], ...when.split(BREAK)]);
  }
  return moments;
}

Deno.test("docs/faults.md has every fault, and no other", async () => {
  const page = new URL("../../docs/faults.md", import.meta.url);
  const inTable = injected(await Deno.readTextFile(page));
  assertEquals(
    FAULTS.filter(({ name, when }) => !inTable.get(name)?.includes(when)),
    [],
  );
  const known = new Set(FAULTS.map(({ name }) => name));
  assertEquals([...inTable.keys()].filter((name) => !known.has(name)), []);
});
