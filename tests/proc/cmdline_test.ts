import { assertEquals } from "@std/assert";
import { parseCommandLine, readCommandLine } from "../../lib/proc/cmdline.ts";

const parsed = (text: string) =>
  parseCommandLine(new TextEncoder().encode(text));

Deno.test("words are told apart, empty ones too", () => {
  assertEquals(parsed("qemu\0-name\0\0a b\0"), ["qemu", "-name", "", "a b"]);
  assertEquals(parsed(""), []);
});

Deno.test("a word without its end is left out", () => {
  assertEquals(parsed("qemu\0-na"), ["qemu"]);
  assertEquals(parsed("qemu"), []);
});

Deno.test("bytes that are no text are replaced", () => {
  assertEquals(parseCommandLine(Uint8Array.of(0x61, 0xff, 0)), ["a\ufffd"]);
});

Deno.test("this process has words", async () => {
  assertEquals((await readCommandLine(Deno.pid)).length > 1, true);
});
