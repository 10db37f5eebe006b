import { assertEquals } from "@std/assert";
import {
  aligned,
  columnsOf,
  cut,
  padEnd,
  padStart,
  wrap,
} from "../../../lib/cli/wording/columns.ts";

Deno.test("a text is padded to columns, not to code units", () => {
  assertEquals(padEnd("数据", 5), "数据 ");
  assertEquals(padStart("e\u0301", 3), "  e\u0301");
  assertEquals(padEnd("🐧🐧", 3), "🐧🐧");
  assertEquals(columnsOf(["ab", "数据"]), 4);
  assertEquals(columnsOf([]), 0);
});

Deno.test("a text is cut at a column, and no character in two", () => {
  assertEquals(cut("数据库", 6), "数据库");
  assertEquals(cut("数据库", 5), "数据");
  assertEquals(cut("🐧🐧", 3), "🐧");
  assertEquals(cut("ae\u0301b", 2), "ae\u0301");
  assertEquals(cut("ab", 0), "");
});

Deno.test("cells stand below each other, the last without blanks", () => {
  assertEquals(
    aligned([["1", "数据", "x"], ["10", "a", "yy"]], [0]),
    [[" 1", "数据", "x"], ["10", "a   ", "yy"]],
  );
  assertEquals(aligned([["a", "1"], ["b", "22"]], [1]), [["a", " 1"], [
    "b",
    "22",
  ]]);
  assertEquals(aligned([]), []);
});

Deno.test("a paragraph is wrapped by columns", () => {
  const layout = { width: 10, lead: 2, indent: 4 };
  assertEquals(wrap("数据 库一 号", layout), "数据\n    库一\n    号");
  assertEquals(wrap("ab cd ef gh", layout), "ab cd ef\n    gh");
  assertEquals(wrap("much-too-long a", layout), "much-too-long\n    a");
});
