import { assert, assertEquals } from "@std/assert";
import { Fuzz, lookInto } from "../../testing/streams/fuzz_inspect.ts";
import { readSeeds } from "../../testing/streams/fuzz_seeds.ts";
import { inFolder } from "./folder.ts";

const seeds = await readSeeds();

Deno.test("what is not broken is looked into whole", () =>
  inFolder(async (folder) => {
    let refused = 0;
    for (const whole of Object.values(seeds).flat()) {
      if (await lookInto(whole, folder)) refused++;
    }
    // Compressed pages are passed over, but nothing here reads what is in them.
    assertEquals(refused, 1);
  }));

Deno.test("broken states are shown up to the problem, or verified", () =>
  inFolder(async (folder) => {
    const fuzz = new Fuzz(seeds, folder);
    const counts = { decoded: 0, refused: 0 };
    for (let run = 0; run < 2000; run++) {
      const { outcome } = await fuzz.look(fuzz.state(4, run));
      counts[outcome]++;
    }
    assert(counts.refused > 1000 && counts.decoded > 100);
  }));

Deno.test("a seed and the number of a run always give the same state", () =>
  inFolder(async (folder) => {
    const fuzz = new Fuzz(seeds, folder);
    const bytesOf = async (seed: number, run: number) => {
      using input = await fuzz.state(seed, run).open();
      return input.bytes.slice();
    };
    for (let run = 0; run < 50; run++) {
      const { kind } = fuzz.state(1, run);
      // One that was packed may not be opened.
      if (kind === "file") continue;
      assertEquals(await bytesOf(1, run), await bytesOf(1, run));
    }
    assert(!equal(await bytesOf(1, 0), await bytesOf(2, 0)));
  }));

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
