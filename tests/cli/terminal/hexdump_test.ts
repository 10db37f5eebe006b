import { assertEquals } from "@std/assert";
import { hexdump } from "../../../lib/cli/terminal/hexdump.ts";

Deno.test("bytes are dumped in rows, equal ones once", () => {
  const bytes = new Uint8Array(84);
  bytes.set(new TextEncoder().encode("QEVM\u001b[2J"), 64);
  bytes[83] = 0x41;
  assertEquals([...hexdump(bytes, 4096)], [
    `00001000  ${"00 ".repeat(16)} |${".".repeat(16)}|`,
    "*",
    `00001040  51 45 56 4d 1b 5b 32 4a ${"00 ".repeat(8)} |QEVM.[2J........|`,
    `00001050  00 00 00 41${" ".repeat(36)}  |...A|`,
  ]);
  assertEquals([...hexdump(new Uint8Array(0), 0)], []);
});
