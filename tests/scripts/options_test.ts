import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/errors.ts";
import { readOptions } from "../../scripts/options.ts";

const KNOWN = {
  texts: ["into"],
  numbers: ["seed", "count"],
  switches: ["markdown"],
} as const;

Deno.test("texts, numbers and switches, in any order", () => {
  const { texts, numbers, switches } = readOptions(
    ["--", "--markdown", "--count", "200", "--into", "007", "--seed=7"],
    KNOWN,
  );
  assertEquals(texts, { into: "007" });
  assertEquals(numbers, { seed: 7, count: 200 });
  assertEquals(switches, new Set(["markdown"]));
  assertEquals(readOptions([], KNOWN).numbers, {});
});

Deno.test("help is known to every task", () => {
  for (const word of ["--help", "-h"]) {
    assertEquals(readOptions([word], {}).help, true);
  }
  assertEquals(readOptions([], {}).help, false);
});

for (
  const [words, why] of [
    [["--no-markdown"], "--no-markdown"],
    [["-x"], "-x"],
    [["--into="], "--into"],
    [["--into", "--markdown"], "--into"],
    [["--cuont", "5"], "--cuont"],
    [["--count", "many"], "whole number"],
    [["--count", "1.5"], "whole number"],
    [["--count"], "--count"],
    [["200"], "200"],
  ] as const
) {
  Deno.test(`"${words.join(" ")}" is refused`, () => {
    assertThrows(() => readOptions(words, KNOWN), UsageError, why);
  });
}
