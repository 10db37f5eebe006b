import { assert, assertEquals } from "@std/assert";
import { inputOf } from "../../testing/streams/streams.ts";
import { inFolder } from "./folder.ts";
import {
  corpus,
  fuzzInspect,
  Looker,
} from "../../testing/streams/fuzz_inspect.ts";

Deno.test("what is not broken is looked into whole", () =>
  inFolder(async (folder) => {
    const looker = new Looker(folder);
    const outcomes = (await corpus()).map((bytes) =>
      looker.look(inputOf(bytes))
    );
    // Compressed pages are passed over, but nothing here reads what is in them.
    assertEquals(outcomes.filter((outcome) => outcome === "refused").length, 1);
  }));

Deno.test("broken states are shown up to the problem, or verified", () =>
  inFolder(async (folder) => {
    const all = await corpus();
    const small = all.filter(({ length }) => length < 50_000);
    const many = await fuzzInspect({
      corpus: small,
      seed: 4,
      runs: 3000,
      folder,
    });
    assertEquals(many.decoded + many.refused, 3000);
    assert(many.refused > 1000 && many.decoded > 100);
    const few = await fuzzInspect({ corpus: all, seed: 5, runs: 200, folder });
    assertEquals(few.decoded + few.refused, 200);
  }));
