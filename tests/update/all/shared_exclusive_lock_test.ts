import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { SharedExclusiveLock } from "../../../lib/update/all/shared_exclusive_lock.ts";

Deno.test("a lock is granted shared or exclusively, in the order of requests", async () => {
  const lock = new SharedExclusiveLock();
  const granted: string[] = [];
  const ask = (name: string, held: Promise<Disposable>) =>
    held.then((it) => (granted.push(name), it));
  const a = await ask("a shared", lock.shared());
  const b = await ask("b shared", lock.shared());
  const c = ask("c exclusive", lock.exclusive());
  const d = ask("d shared", lock.shared());
  await Promise.resolve();
  assertEquals(granted, ["a shared", "b shared"]);
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  await Promise.resolve();
  assertEquals(granted.length, 2);
  b[Symbol.dispose]();
  (await c)[Symbol.dispose]();
  (await d)[Symbol.dispose]();
  assertEquals(granted, ["a shared", "b shared", "c exclusive", "d shared"]);
});

Deno.test("an exclusive holder has the lock alone, and every request is granted", async () => {
  const requests = fc.array(fc.tuple(fc.boolean(), fc.nat(3)), {
    maxLength: 30,
  });
  await fc.assert(fc.asyncProperty(requests, async (holders) => {
    const lock = new SharedExclusiveLock();
    let sharing = 0;
    let exclusive = 0;
    let granted = 0;
    await Promise.all(holders.map(async ([isExclusive, ticks]) => {
      using _held = await (isExclusive ? lock.exclusive() : lock.shared());
      if (isExclusive) exclusive++;
      else sharing++;
      for (let tick = 0; tick <= ticks; tick++) {
        assertEquals(
          exclusive === 0 || (exclusive === 1 && sharing === 0),
          true,
        );
        await Promise.resolve();
      }
      if (isExclusive) exclusive--;
      else sharing--;
      granted++;
    }));
    assertEquals(granted, holders.length);
  }));
});
