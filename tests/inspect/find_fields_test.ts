import { assert, assertEquals } from "@std/assert";
import { fieldsAt, inspect } from "../../lib/inspect/mod.ts";
import { data, STREAMS } from "../../testing/data/data.ts";
import { everyType, inputOf, postcopy } from "../../testing/streams/streams.ts";

function sectionsOf(bytes: Uint8Array) {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  return inspection.sections;
}

function found(bytes: Uint8Array, wanted: string) {
  return sectionsOf(bytes).flatMap((section) => [...fieldsAt(section, wanted)])
    .map(({ path, text }) => `${path}=${text}`);
}

Deno.test("fields are found by their whole path, with patterns", () => {
  const bytes = everyType();
  assertEquals(found(bytes, "small"), ["small=-2"]);
  assertEquals(found(bytes, "mall"), []);
  assertEquals(found(bytes, "packed[1]"), ["packed[1]=2"]);
  assertEquals(found(bytes, "*.b,small"), [
    "small=-2",
    "nested.inner/more.b=7",
  ]);
  assertEquals(found(bytes, "raw"), ["raw=2 bytes"]);
});

Deno.test("with a field comes what is in it, not what begins like it", () => {
  const bytes = everyType();
  assertEquals(found(bytes, "packed"), [
    ...["packed[0]=1", "packed[1]=2", "packed[2]=3"],
  ]);
  assertEquals(found(bytes, "pack"), []);
  assertEquals(found(bytes, "nested").length, 2);
});

Deno.test("the offset of bytes and integers is where they are", async () => {
  for (const bytes of [everyType(), postcopy(), await data(STREAMS[1])]) {
    let integers = 0;
    for (const section of sectionsOf(bytes)) {
      for (const { offset, bytes: value, text } of fieldsAt(section, "*")) {
        if (offset === undefined) continue;
        if (value !== undefined) {
          assertEquals(bytes.subarray(offset, offset + value.length), value);
        } else if (/^\d+$/.test(text)) {
          integers++;
          const near = bytes.subarray(offset, offset + 8);
          // Both byte orders, and any width.
          assert(Number(text) < 256 && near.includes(Number(text)), text);
        }
      }
    }
    assert(integers > 0 || bytes.length < 1000);
  }
});
