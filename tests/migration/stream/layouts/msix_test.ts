import { assertEquals } from "@std/assert";
import { isStruct } from "../../../../lib/migration/stream/mod.ts";
import { decode, decodeStruct, fieldAt, plain } from "./decoding.ts";

Deno.test("a table of vectors, and which are pending", () => {
  const bytes = Uint8Array.from([
    ...[0x04, 0x00, 0xe0, 0xfe, 0, 0, 0, 0, 0x21, 0x40, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
    0b10,
  ]);
  assertEquals(plain(decodeStruct("msix state", bytes)), {
    table: [
      { address: 0xfee00004, data: 0x4021, control: 0 },
      { address: 0, data: 0, control: 1 },
    ],
    pending_bits: "02",
  });
});

Deno.test("the size gives the number of vectors", () => {
  for (const [size, count] of [[17, 1], [81, 5], [258, 16], [1049, 65]]) {
    const struct = decodeStruct("msix state", new Uint8Array(size ?? 0));
    const { value } = fieldAt(struct, "table") ?? {};
    assertEquals(Array.isArray(value) && value.length, count);
  }
  for (const size of [0, 1, 16, 18, 32, 33_025]) {
    const { value, reason } = decode("msix state", new Uint8Array(size));
    assertEquals(isStruct(value), false);
    assertEquals(reason, "its size is unusual");
  }
});
