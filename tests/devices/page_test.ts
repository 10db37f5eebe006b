import { assertEquals } from "@std/assert";
import { cellsIn, devicesPage, update } from "./page.ts";
import type { Verdict } from "./trial.ts";

const TYPES = ["a", "b", "c"].map((name) => ({ name, bus: "PCI", kind: "X" }));
const BUILDS = {
  old: { binary: "/old", version: "1.0", package: "" },
  new: { binary: "/new", version: "1.1", package: "" },
};

Deno.test("the page says what was tried, and keeps the rest", () => {
  const page = devicesPage(TYPES, new Map(), BUILDS);
  const cells = cellsIn(page);
  assertEquals(cells.get("b"), ["–", "–", "–"]);
  const verdicts: readonly [string, Verdict][] = [
    ["a", { kind: "updated" }],
    ["b", { kind: "refused", why: "one-check: x: y; another: z" }],
    ["c", { kind: "updated" }],
  ];
  for (const [type, verdict] of verdicts) {
    update(cells, { type, board: "pc", verdict });
  }
  const next = devicesPage(TYPES, cells, BUILDS);
  assertEquals(cellsIn(next), cells);
  assertEquals(
    next.split("\n").filter((line) => line.startsWith("| X")),
    [
      "| X | – | updated | – | `a`, `c` |",
      "| X | – | refused: `one-check`, `another` | – | `b` |",
    ],
  );
});
