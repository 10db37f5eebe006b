import { assertEquals } from "@std/assert";
import { FAULTS } from "./table/mod.ts";

const HEADING = "\n## What can go wrong\n";

/** The moments in the table, by fault. */
function injected(readme: string): Map<string, string> {
  const section = readme.split(HEADING)[1]?.split("\n## ")[0] ?? "";
  const [, , ...rows] = section.split("\n").filter((it) => it.startsWith("| "));
  const moments = new Map<string, string>();
  for (const row of rows) {
    const [, name = "", when = ""] = row.split("|").map((it) => it.trim());
    moments.set(name, `${moments.get(name) ?? ""}; ${when}`);
  }
  return moments;
}

Deno.test("the README says what comes of every fault, and of no other", async () => {
  const readme = new URL("../../README.md", import.meta.url);
  const inTable = injected(await Deno.readTextFile(readme));
  assertEquals(
    FAULTS.filter(({ name, when }) => !inTable.get(name)?.includes(when)),
    [],
  );
  const known = new Set(FAULTS.map(({ name }) => name));
  assertEquals([...inTable.keys()].filter((name) => !known.has(name)), []);
});
