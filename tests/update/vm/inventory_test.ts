import { assertEquals } from "@std/assert";
import { Inventory } from "../../../lib/update/vm/inventory.ts";

Deno.test("a query has its time also after checks that took long", async () => {
  const times: (number | undefined)[] = [];
  const inventory = new Inventory({
    execute: (_command, _args, options) => {
      times.push(options?.timeoutMs);
      return Promise.resolve({});
    },
  });
  const now = performance.now;
  await inventory.ask("query-status");
  try {
    performance.now = () => now.call(performance) + 120_000;
    await inventory.ask("query-kvm");
  } finally {
    performance.now = now;
  }
  assertEquals(times[1], times[0]);
});

Deno.test("a query is sent once", async () => {
  let sent = 0;
  const inventory = new Inventory({
    execute: () => Promise.resolve(++sent),
  });
  const answers = [
    await inventory.ask("query-status"),
    await inventory.ask("query-status", {}),
  ];
  assertEquals(answers, [1, 1]);
});
