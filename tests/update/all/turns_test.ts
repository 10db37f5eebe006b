import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Turns } from "../../../lib/update/all/turns.ts";

Deno.test("turns are shared, or had alone, in the order of asking", async () => {
  const turns = new Turns();
  const begun: string[] = [];
  const ask = (name: string, turn: Promise<Disposable>) =>
    turn.then((it) => (begun.push(name), it));
  const a = await ask("a shares", turns.share());
  const b = await ask("b shares", turns.share());
  const c = ask("c alone", turns.alone());
  const d = ask("d shares", turns.share());
  await Promise.resolve();
  assertEquals(begun, ["a shares", "b shares"]);
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  await Promise.resolve();
  assertEquals(begun.length, 2);
  b[Symbol.dispose]();
  (await c)[Symbol.dispose]();
  (await d)[Symbol.dispose]();
  assertEquals(begun, ["a shares", "b shares", "c alone", "d shares"]);
});

Deno.test("nobody is beside one who is alone, and everybody is served", async () => {
  const crowd = fc.array(fc.tuple(fc.boolean(), fc.nat(3)), { maxLength: 30 });
  await fc.assert(fc.asyncProperty(crowd, async (members) => {
    const turns = new Turns();
    let sharing = 0;
    let alone = 0;
    let served = 0;
    await Promise.all(members.map(async ([isAlone, ticks]) => {
      using _turn = await (isAlone ? turns.alone() : turns.share());
      if (isAlone) alone++;
      else sharing++;
      for (let tick = 0; tick <= ticks; tick++) {
        assertEquals(alone === 0 || (alone === 1 && sharing === 0), true);
        await Promise.resolve();
      }
      if (isAlone) alone--;
      else sharing--;
      served++;
    }));
    assertEquals(served, members.length);
  }));
});
