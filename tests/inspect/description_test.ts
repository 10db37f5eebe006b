import { assert, assertEquals } from "@std/assert";
import { descriptionOf, fieldsAt, inspect } from "../../lib/inspect/mod.ts";
import { everyType, inputOf } from "../../testing/streams/streams.ts";
import { data, STREAMS } from "../../testing/data/data.ts";

function linesOf(bytes: Uint8Array): string[] {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  const { vmdesc } = inspection.decoded;
  return vmdesc?.description.devices.flatMap((it) => [...descriptionOf(it)]) ??
    [];
}

Deno.test("a description has every field, type and version, and no value", () => {
  const lines = linesOf(everyType());
  assertEquals(lines.slice(0, 4), [
    "dev 0: dev, version 1",
    "  flag: bool, 1 byte",
    "  odd flag: bool, 1 byte",
    "  small: int32, 4 bytes",
  ]);
  assertEquals(lines.slice(-16), [
    "  nothing: unused_buffer, 3 bytes",
    "  packed[3]: uint8, 1 byte",
    "  spelt[0]: uint8, 1 byte",
    "  spelt[1]: uint8, 1 byte",
    "  spelt[2]: uint8, 1 byte",
    "  queue: ptr-marker, 1 byte",
    "  queue: ptr-marker, 1 byte",
    "  queue: struct inner, version 1, 1 byte",
    "    a: uint8, 1 byte",
    "  queue: ptr-marker, 1 byte",
    "  nested: struct inner, version 1, 18 bytes",
    "    a: uint8, 1 byte",
    "    subsection inner/more, version 1",
    "      b: uint8, 1 byte",
    "  subsection dev/sub, version 1",
    "    s: uint8, 1 byte",
  ]);
});

Deno.test("what is written by hand has its size, and equal streams are equal", async () => {
  const bytes = await data(STREAMS[1]);
  const lines = linesOf(bytes);
  assert(lines.includes("slirp 0: not described, 131 bytes"));
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  const [expiry] = inspection.sections.flatMap((
    section,
  ) => [...fieldsAt(section, "timer_expiry")]);
  const other = bytes.slice();
  other[expiry?.offset ?? 0] = 1;
  assertEquals(linesOf(other), lines);
});
