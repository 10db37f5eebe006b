import { assert, assertEquals } from "@std/assert";
import { corpus, fuzzInspect, look } from "./fuzz.ts";

Deno.test("what is not broken is looked into whole", async () => {
  for (const bytes of await corpus()) assertEquals(look(bytes), "decoded");
});

Deno.test("broken states are shown up to the problem, or verified", async () => {
  const small = (await corpus()).filter(({ length }) => length < 50_000);
  const many = fuzzInspect({ corpus: small, seed: 4, runs: 3000 });
  assertEquals(many.decoded + many.refused, 3000);
  assert(many.refused > 1000 && many.decoded > 100);
  const few = fuzzInspect({ corpus: await corpus(), seed: 5, runs: 200 });
  assertEquals(few.decoded + few.refused, 200);
});
