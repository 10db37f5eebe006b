import { assert, assertEquals } from "@std/assert";
import { inspect, scalarText, treeOf } from "../../lib/inspect/mod.ts";
import { isStruct } from "../../lib/migration/stream/mod.ts";
import { data } from "../../testing/data/data.ts";
import { everyType, inputOf } from "../../testing/streams/streams.ts";

function lines(bytes: Uint8Array, name: string): string[] {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  const section = inspection.sections.find((each) => each.name === name);
  const state = section?.state;
  assert(state !== undefined && !(state instanceof Uint8Array));
  return [...treeOf(state)].map(({ depth, name, text, offset }) =>
    `${offset}: ${"  ".repeat(depth)}${name} = ${text}`
  );
}

Deno.test("a value of every wire type", async (t) => {
  await t.assertSnapshot(lines(everyType(), "dev").join("\n"));
});

Deno.test("what repeats is said once", async (t) => {
  const bytes = await data("cpr-exec-q35-plain.vm.state");
  await t.assertSnapshot(lines(bytes, "cpu").join("\n"));
});

Deno.test("buffers are text, zeros, or their first bytes", () => {
  const shown = (...bytes: number[]) =>
    scalarText("buffer", Uint8Array.from(bytes));
  assertEquals(shown(), "");
  assertEquals(shown(0), "00");
  assertEquals(shown(0, 0, 0), "3 bytes, all 0");
  assertEquals(shown(0x72, 0x75, 0x6e, 0, 0), '"run" (5 bytes)');
  assertEquals(shown(0x72, 0x75, 0, 0x6e), "72 75 00 6e");
  assertEquals(
    shown(...new Array(25).fill(0xab)),
    `${"ab ".repeat(24)}… (25 bytes)`,
  );
});

Deno.test("every struct of a state is drawn", async () => {
  const inspection = inspect(
    inputOf(await data("cpr-exec-pc-rich.vm.state")),
  );
  assert(inspection.format === "migration-stream");
  for (const { state } of inspection.sections) {
    if (state === undefined || !isStruct(state)) continue;
    assert([...treeOf(state)].length >= state.fields.length);
  }
});
