import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { data, STREAMS } from "../../../testing/data/data.ts";
import {
  flips,
  fuzz,
  outcome,
  truncations,
} from "../../../testing/streams/fuzz_decode.ts";
import { mutated } from "../../../testing/streams/mutations.ts";
import { Random } from "../../../testing/random.ts";
import { written } from "../../../testing/streams/machine.ts";

const SMALL = STREAMS.filter((name) => !name.includes("rich"));

Deno.test("our own stream, cut at every byte, is refused", () => {
  const stream = written();
  const report = truncations(stream, 1);
  // Without its description, and that alone, it is a whole stream.
  assertEquals(report.decoded, 1);
  assertEquals(report.refused, stream.length - 1);
});

Deno.test("our own stream, every bit flipped, is refused or decoded", () => {
  const stream = written();
  for (let bit = 0; bit < 8; bit++) {
    const report = flips(stream, 1 << bit, 1);
    assertEquals(report.decoded + report.refused, stream.length);
    assert(report.refused > report.decoded / 4);
  }
});

for (const name of SMALL) {
  Deno.test(`${name} cut anywhere is refused`, async () => {
    const report = truncations(await data(name), 7);
    assert(report.decoded <= 2, `${report.decoded} decoded`);
  });

  Deno.test(`${name} with a wrong byte is refused or decoded`, async () => {
    const stream = await data(name);
    flips(stream.subarray(0, 400), 0xff, 1);
    const report = flips(stream, 0xff, 173);
    assert(report.refused > 0 && report.decoded > 0);
  });
}

Deno.test("broken real streams are refused or decoded", async () => {
  const corpus = [written(), ...await Promise.all(STREAMS.map(data))];
  const report = fuzz({ corpus, seed: 20_261_122, runs: 600 });
  assertEquals(report.decoded + report.refused, 600);
  assert(report.refused > 100);
});

Deno.test("broken streams of our own are refused or decoded", () => {
  const report = fuzz({ corpus: [written()], seed: 7, runs: 4000 });
  assertEquals(report.decoded + report.refused, 4000);
});

Deno.test("a seed always breaks streams in the same way", () => {
  const make = (seed: number) => mutated([written()], new Random(seed));
  assertEquals(make(1), make(1));
  assertNotEquals(make(1), make(2));
});

Deno.test("nothing at all is refused", () => {
  assertEquals(outcome(new Uint8Array(0)), "refused");
});
