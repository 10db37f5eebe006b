import { assertEquals, assertThrows } from "@std/assert";
import {
  OptionValueError,
  parseBoolean,
  parseInteger,
  parseSize,
} from "../../lib/cmdline/mod.ts";

Deno.test("booleans have four spellings each", () => {
  for (const text of ["on", "yes", "true", "y"]) {
    assertEquals(parseBoolean("k", text), true);
  }
  for (const text of ["off", "no", "false", "n"]) {
    assertEquals(parseBoolean("k", text), false);
  }
  for (const text of ["", "1", "On", "auto"]) {
    assertThrows(() => parseBoolean("k", text), OptionValueError);
  }
});

Deno.test("sizes", () => {
  const sizes: [string, number][] = [
    ["0", 0],
    ["512", 512],
    ["512b", 512],
    ["4k", 4096],
    ["64M", 67108864],
    ["1.5G", 1610612736],
    ["1.G", 1073741824],
    ["2T", 2199023255552],
    ["1P", 1125899906842624],
    ["0x1000", 4096],
    ["0x10M", 16777216],
    ["0.1k", 102],
  ];
  for (const [text, bytes] of sizes) assertEquals(parseSize("k", text), bytes);
  assertEquals(parseSize("k", "128", "M"), 134217728);
  assertEquals(parseSize("k", "0x80", "M"), 134217728);
  assertEquals(parseSize("k", "128k", "M"), 131072);
});

Deno.test("what is no size is refused", () => {
  for (const text of ["", "M", "-1", "1.5", "64MB", "1 G", "8P", "9E", "0xg"]) {
    assertThrows(() => parseSize("k", text), OptionValueError);
  }
});

Deno.test("integers", () => {
  const integers: [string, number][] = [
    ["0", 0],
    ["-0", 0],
    ["42", 42],
    ["-42", -42],
    ["+7", 7],
    ["0xff", 255],
    ["010", 8],
  ];
  for (const [text, value] of integers) {
    assertEquals(parseInteger("k", text), value);
  }
  for (const text of ["", "1.5", "08", "x", "9007199254740992"]) {
    assertThrows(() => parseInteger("k", text), OptionValueError);
  }
});
