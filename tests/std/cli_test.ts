import { assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli";

for (
  const [text, columns] of [
    ["", 0],
    ["guest0", 6],
    ["数据库一号", 10],
    ["ﾃﾞｰﾀ", 4],
    ["café", 4],
    ["cafe\u0301", 4],
    ["한글", 4],
    ["\u1112\u1161\u11ab", 2],
    ["🐧", 2],
    ["vm\u200b1", 3],
    ["━╸…×", 4],
  ] as const
) {
  Deno.test(`"${text}" takes ${columns} columns`, () => {
    assertEquals(unicodeWidth(text), columns);
  });
}
