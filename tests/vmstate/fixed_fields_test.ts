/** Fields whose bytes are always as many. */

import { assertEquals } from "@std/assert";
import {
  bool,
  buffer,
  double,
  fd,
  type Field,
  i16,
  i32,
  i32Equal,
  i32Le,
  i64,
  i8,
  msixState,
  pciConfig,
  pciIrqState,
  timer,
  u16,
  u16Equal,
  u32,
  u32Equal,
  u64,
  u64Equal,
  u8,
  u8Equal,
  unused,
} from "../../lib/vmstate/mod.ts";
import {
  described,
  loaded,
  refusesBytes,
  refusesValue,
  saved,
} from "./one_field.ts";

interface Case {
  readonly name: string;
  readonly type: string;
  readonly field: Field<unknown>;
  readonly value: unknown;
  readonly bytes: readonly number[];
}

function of<T>(
  name: string,
  type: string,
  field: Field<T>,
  value: T,
  ...bytes: number[]
): Case {
  return { name, type, field: field as Field<unknown>, value, bytes };
}

const ff = (count: number) => new Array<number>(count).fill(0xff);

const CASES: readonly Case[] = [
  of("u8", "uint8", u8(), 0xfe, 0xfe),
  of("i8", "int8", i8(), -2, 0xfe),
  of("u16", "uint16", u16(), 0x1234, 0x12, 0x34),
  of("i16", "int16", i16(), -2, 0xff, 0xfe),
  of("u32", "uint32", u32(), 0xdead_beef, 0xde, 0xad, 0xbe, 0xef),
  of("i32", "int32", i32(), -2, 0xff, 0xff, 0xff, 0xfe),
  of("u64", "uint64", u64(), 2n ** 64n - 2n, ...ff(7), 0xfe),
  of("i64", "int64", i64(), -2n, ...ff(7), 0xfe),
  of("true", "bool", bool(), true, 1),
  of("false", "bool", bool(), false, 0),
  of("u8Equal", "uint8 equal", u8Equal(7), 7, 7),
  of("u16Equal", "uint16 equal", u16Equal(7), 7, 0, 7),
  of("u32Equal", "uint32 equal", u32Equal(7), 7, 0, 0, 0, 7),
  of("i32Equal", "int32 equal", i32Equal(-1), -1, ...ff(4)),
  of("u64Equal", "int64 equal", u64Equal(7n), 7n, 0, 0, 0, 0, 0, 0, 0, 7),
  of("i32Le", "int32 le", i32Le(7), 7, 0, 0, 0, 7),
  of("timer, armed", "timer", timer(), 258n, 0, 0, 0, 0, 0, 0, 1, 2),
  of("timer, not armed", "timer", timer(), null, ...ff(8)),
  of("double", "CPU_Double_U", double(), 1n << 63n, 0x80, 0, 0, 0, 0, 0, 0, 0),
  of("buffer", "buffer", buffer(3), Uint8Array.of(1, 2, 3), 1, 2, 3),
  of(
    "pciConfig",
    "pci config",
    pciConfig(256),
    new Uint8Array(256).fill(9),
    ...new Array<number>(256).fill(9),
  ),
  of(
    "msixState of 1 vector",
    "msix state",
    msixState(1),
    new Uint8Array(17).fill(3),
    ...new Array<number>(17).fill(3),
  ),
  of(
    "pciIrqState",
    "pci irq state",
    pciIrqState(),
    [1, 0, 0, 1],
    ...[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ),
  of("unused", "unused_buffer", unused(3), undefined, 0, 0, 0),
  of("fd", "fd", fd(), -1, ...ff(4)),
];

for (const { name, type, field, value, bytes } of CASES) {
  Deno.test(`${name} is saved`, () => {
    assertEquals(saved(field, value), [...bytes]);
  });

  Deno.test(`${name} is loaded`, () => {
    assertEquals(loaded(field, bytes), value);
  });

  Deno.test(`${name} is described`, () => {
    assertEquals(described(field, value), [
      { name: "x", type, size: bytes.length },
    ]);
  });

  Deno.test(`${name} is refused with a byte too few`, () => {
    const error = refusesBytes(
      field,
      bytes.slice(0, -1),
      "the stream ends here",
    );
    assertEquals(error.location.field, "x");
  });
}

Deno.test("MSI-X pending bits take whole bytes", () => {
  for (const [vectors, size] of [[1, 17], [5, 81], [16, 258], [65, 1049]]) {
    assertEquals(msixState(vectors ?? 0).codec.minimumSize, size);
  }
});

Deno.test("integers that do not fit are refused", () => {
  refusesValue(u8(), 256, "does not fit 1 bytes");
  refusesValue(u8(), -1, "does not fit");
  refusesValue(u8(), 1.5, "does not fit");
  refusesValue(i8(), 128, "does not fit");
  refusesValue(u16(), 0x1_0000, "does not fit");
  refusesValue(i16(), -0x8001, "does not fit");
  refusesValue(u32(), 2 ** 32, "does not fit");
  refusesValue(i32(), 2 ** 31, "does not fit");
  refusesValue(u64(), -1n, "does not fit");
  refusesValue(i64(), 2n ** 63n, "does not fit");
  refusesValue(u32(), NaN, "does not fit");
});

Deno.test("a boolean is 0 or 1", () => {
  refusesBytes(bool(), [2], "2 is not a boolean");
});

Deno.test("what must equal the local value is refused if it does not", () => {
  refusesBytes(u8Equal(7), [8], "it is 8 and must be 7 here");
  refusesBytes(u16Equal(7), [0, 8], "must be 7");
  refusesBytes(u32Equal(7), [0, 0, 0, 8], "must be 7");
  refusesBytes(i32Equal(7), [0, 0, 0, 8], "must be 7");
  refusesBytes(u64Equal(7n), [0, 0, 0, 0, 0, 0, 0, 8], "must be 7");
});

Deno.test("what must be at most a limit is refused outside of it", () => {
  refusesBytes(i32Le(7), [0, 0, 0, 8], "8 is not in 0..7");
  refusesBytes(i32Le(7), ff(4), "-1 is not in 0..7");
});

Deno.test("a timer that would read as not armed is refused", () => {
  refusesValue(timer(), -1n, "not armed");
});

Deno.test("a buffer of another size is refused", () => {
  refusesValue(buffer(3), new Uint8Array(2), "2 bytes given, it takes 3");
});

Deno.test("a pin's level is 0 or 1, and there are four", () => {
  const bytes = new Array<number>(16).fill(0);
  bytes[7] = 2;
  refusesBytes(pciIrqState(), bytes, "pin 1 is 2");
  refusesValue(pciIrqState(), [0, 0, 0], "four pins");
});

Deno.test("unused space may hold what an older sender left there", () => {
  assertEquals(loaded(unused(2), [7, 8]), undefined);
});

Deno.test("a loaded buffer is a copy of the stream", () => {
  const bytes = [1, 2];
  const value = loaded(buffer(2), bytes);
  bytes[0] = 9;
  assertEquals(value, Uint8Array.of(1, 2));
});
