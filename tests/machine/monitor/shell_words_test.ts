import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  shellWords,
  UnbalancedQuote,
} from "../../../lib/machine/monitor/shell_words.ts";

Deno.test("words are parted by blanks and kept together by quotes", () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["  ", []],
    ["a  b\tc", ["a", "b", "c"]],
    [`a "" ''`, ["a", "", ""]],
    [`/bin/sh -c 'exec "$0" "$@"' x`, [
      "/bin/sh",
      "-c",
      'exec "$0" "$@"',
      "x",
    ]],
    [String.raw`a\ b "c\"d\\e\f" 'g\h'`, [
      "a b",
      String.raw`c"d\e\f`,
      String
        .raw`g\h`,
    ]],
    [`a'b'"c"`, ["abc"]],
  ];
  for (const [text, words] of cases) assertEquals(shellWords(text), words);
});

Deno.test("a quote that is left open is refused", () => {
  for (const text of [`'a`, `"a`, `a "b'`]) {
    assertThrows(() => shellWords(text), UnbalancedQuote);
  }
});

Deno.test("any words survive being quoted", () => {
  fc.assert(fc.property(fc.array(fc.string()), (words) => {
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    assertEquals(shellWords(quoted.join(" ")), words);
  }));
});
