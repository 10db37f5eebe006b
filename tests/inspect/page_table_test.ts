import { assertEquals } from "@std/assert";
import { PageTable } from "../../lib/inspect/page_table.ts";

Deno.test("pages have the number that was set last", () => {
  const table = new PageTable();
  const numbers = new Map<number, number>();
  // Far from each other, and near.
  for (const page of [0, 1, 17, 2 ** 41, 15, 16, 2 ** 41 + 1, 1]) {
    table.set(page, page + 0.5);
    numbers.set(page, page + 0.5);
  }
  for (let page = 1000; page < 5000; page++) {
    table.set(page, -page);
    numbers.set(page, -page);
  }
  for (const [page, number] of numbers) assertEquals(table.get(page), number);
  assertEquals([table.get(2), table.get(2 ** 40)], [0, 0]);
  assertEquals(
    new Set(table.pages()),
    new Set(numbers.keys()),
  );
});
