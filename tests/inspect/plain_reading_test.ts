import { assert } from "@std/assert";
import { data, STREAMS, STREAMS_OF_OTHERS } from "../../testing/data/data.ts";
import { assertSameReading } from "./same_reading.ts";
import { inputOf } from "../../testing/streams/streams.ts";

for (const name of [...STREAMS, ...STREAMS_OF_OTHERS]) {
  Deno.test(`${name} says what an independent reading says`, async () => {
    const leaves = assertSameReading(inputOf(await data(name), name));
    assert(leaves > 1000, `${leaves} leaves`);
  });
}
