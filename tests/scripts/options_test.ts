import { assertEquals, assertThrows } from "@std/assert";
import { readOptions } from "../../scripts/options.ts";

const KNOWN = { numbers: ["seed", "count"], switches: ["markdown"] } as const;

Deno.test("numbers and switches, in any order", () => {
  const { numbers, switches } = readOptions(
    ["--", "--markdown", "--count", "200", "--seed=7"],
    KNOWN,
  );
  assertEquals(numbers, { seed: 7, count: 200 });
  assertEquals(switches, new Set(["markdown"]));
  assertEquals(readOptions([], KNOWN).numbers, {});
});

for (
  const [words, why] of [
    [["--help"], "--help"],
    [["--cuont", "5"], "--cuont"],
    [["--count", "many"], "whole number"],
    [["--count", "1.5"], "whole number"],
    [["--count"], "--count"],
    [["200"], "200"],
  ] as const
) {
  Deno.test(`"${words.join(" ")}" is refused`, () => {
    assertThrows(() => readOptions(words, KNOWN), TypeError, why);
  });
}
