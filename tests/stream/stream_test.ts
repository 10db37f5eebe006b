import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Sink,
  Source,
  StreamError,
  TornStreamError,
} from "../../lib/stream/mod.ts";

Deno.test("integers are big-endian and signed ones two's complement", () => {
  const source = new Source(
    Uint8Array.of(0xff, 0x12, 0x34, 0xff, 0xff, 0xff, 0xfe, 0x80),
  );
  assertEquals(source.i8(), -1);
  assertEquals(source.u16(), 0x1234);
  assertEquals(source.i32(), -2);
  assertEquals(source.u8(), 0x80);
});

Deno.test("every getter refuses to read past the end, with the offset", () => {
  const getters: ((source: Source) => unknown)[] = [
    (s) => s.u8(),
    (s) => s.i8(),
    (s) => s.u16(),
    (s) => s.i16(),
    (s) => s.u32(),
    (s) => s.i32(),
    (s) => s.u64(),
    (s) => s.i64(),
    (s) => s.size64(),
    (s) => s.bytes(1),
    (s) => s.skip(1),
    (s) => s.countedString(),
  ];
  for (const get of getters) {
    const source = new Source(new Uint8Array(0), { base: 40 });
    const error = assertThrows(() => get(source), TornStreamError);
    assertEquals(error.offset, 40);
    assertEquals(source.offset, 40);
  }
});

Deno.test("a counted string longer than the stream is torn, not allocated", () => {
  const source = new Source(Uint8Array.of(200, 65));
  assertThrows(() => source.countedString(), TornStreamError, "200 bytes");
});

Deno.test("invalid UTF-8 is an error with its offset", () => {
  const source = new Source(Uint8Array.of(2, 0xc3, 0x28), { base: 7 });
  const error = assertThrows(() => source.countedString(), StreamError);
  assertEquals(error.offset, 8);
});

Deno.test("a size above 2^53 is refused", () => {
  const source = new Source(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0));
  assertThrows(() => source.size64(), StreamError, "too large");
});

Deno.test("seeking stays inside", () => {
  const source = new Source(new Uint8Array(4), { base: 10 });
  source.seek(14);
  assertEquals(source.remaining, 0);
  assertThrows(() => source.seek(15), StreamError);
  assertThrows(() => source.seek(9), StreamError);
});

Deno.test("the sink refuses values that do not fit", () => {
  const sink = new Sink();
  const writes: (() => void)[] = [
    () => sink.u8(256),
    () => sink.u8(-1),
    () => sink.u8(1.5),
    () => sink.i8(128),
    () => sink.u16(0x1_0000),
    () => sink.i16(-0x8001),
    () => sink.u32(2 ** 32),
    () => sink.i32(2 ** 31),
    () => sink.u64(-1n),
    () => sink.i64(1n << 63n),
    () => sink.countedString("x".repeat(256)),
  ];
  for (const write of writes) assertThrows(write, RangeError);
  assertEquals(sink.offset, 0);
});

Deno.test("what is written is read back", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    fc.nat(),
    fc.uint8Array({ maxLength: 9000 }),
    fc.string({ maxLength: 60 }),
    (byte, word, long, size, blob, text) => {
      const sink = new Sink();
      sink.u8(byte);
      sink.i32(word);
      sink.i64(long);
      sink.size64(size);
      sink.bytes(blob);
      sink.countedString(text);
      sink.zeros(3);
      const source = new Source(sink.toBytes());
      assertEquals(source.u8(), byte);
      assertEquals(source.i32(), word);
      assertEquals(source.i64(), long);
      assertEquals(source.size64(), size);
      assertEquals([...source.bytes(blob.length)], [...blob]);
      assertEquals(source.countedString(), text);
      assertEquals([...source.bytes(3)], [0, 0, 0]);
      assert(source.remaining === 0);
    },
  ));
});

Deno.test("draining takes the bytes and keeps the offset", () => {
  const sink = new Sink();
  sink.u16(0x0102);
  assertEquals(sink.drain(), Uint8Array.of(1, 2));
  sink.u8(3);
  assertEquals(sink.offset, 3);
  assertEquals(sink.toBytes(), Uint8Array.of(3));
  assertEquals(sink.drain(), Uint8Array.of(3));
  assertEquals(sink.drain(), new Uint8Array(0));
  assertEquals(sink.offset, 3);
});

Deno.test("every kind of write may be the one that needs more room", () => {
  const writes: readonly ((sink: Sink) => void)[] = [
    (sink) => sink.u8(1),
    (sink) => sink.i8(1),
    (sink) => sink.u16(1),
    (sink) => sink.i16(1),
    (sink) => sink.u32(1),
    (sink) => sink.i32(1),
    (sink) => sink.u64(1n),
    (sink) => sink.i64(1n),
    (sink) => sink.size64(1),
    (sink) => sink.bytes(Uint8Array.of(0, 1)),
    (sink) => sink.countedString("\x01"),
  ];
  for (const write of writes) {
    const sink = new Sink();
    sink.zeros(4096);
    write(sink);
    assertEquals(sink.toBytes().at(-1), 1);
  }
});

Deno.test("a byte order mark is text like any other", () => {
  const source = new Source(Uint8Array.of(4, 0xef, 0xbb, 0xbf, 65));
  assertEquals(source.countedString(), "\ufeffA");
});
