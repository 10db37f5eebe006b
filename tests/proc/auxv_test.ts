import { assertEquals } from "@std/assert";
import { hasSetIds, parseAuxv } from "../../lib/proc/auxv.ts";

function bytesOf(...words: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

Deno.test("values are read by their types", () => {
  const bytes = bytesOf(11n, 1000n, 6n, 4096n, 0n, 0n);
  assertEquals([...parseAuxv(bytes)], [[11n, 1000n], [6n, 4096n], [0n, 0n]]);
  assertEquals(parseAuxv(bytesOf()).size, 0);
});

Deno.test("a pair that is torn is left out", () => {
  assertEquals([...parseAuxv(bytesOf(11n, 1000n, 12n))], [[11n, 1000n]]);
});

Deno.test("a view that begins within its buffer is read from there", () => {
  const bytes = bytesOf(1n, 2n, 11n, 1000n).subarray(16);
  assertEquals([...parseAuxv(bytes)], [[11n, 1000n]]);
});

Deno.test("this process has the user that started it", async () => {
  assertEquals(await hasSetIds(Deno.pid), false);
});
