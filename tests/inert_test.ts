import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { clipped, inertJson, mapTexts, printable } from "../lib/inert.ts";

const ANY_TEXT = fc.string({ unit: "binary" });
// deno-lint-ignore no-control-regex -- control characters are the point
const C0 = /[\u0000-\u001f]/;
const FORMAT = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/u;

Deno.test("codes stand for what acts on a terminal", () => {
  assertEquals(
    printable("\x1b[2J \x9b31m \u202egnp\u2069 \u061c \x7f\r\n é ✓"),
    "\\x1b[2J \\x9b31m \\u202egnp\\u2069 \\u061c \\x7f\\x0d\\x0a é ✓",
  );
});

Deno.test("nothing that acts is left in a line", () => {
  fc.assert(fc.property(ANY_TEXT, (text) => {
    assert(!FORMAT.test(printable(text)));
    assertEquals(printable(printable(text)), printable(text));
  }));
});

Deno.test("JSON that acts on no terminal has the same value", () => {
  const document = fc.record({ a: ANY_TEXT, b: fc.array(ANY_TEXT) }, {
    noNullPrototype: true,
  });
  fc.assert(fc.property(document, (value) => {
    assertEquals(JSON.parse(inertJson(value)), value);
    assert(!FORMAT.test(inertJson(value)));
    assertEquals(JSON.parse(inertJson(value, 2)), value);
    assert(!C0.test(inertJson(value, 2).replaceAll("\n", "")));
  }));
  assertEquals(
    inertJson({ "\x9b": "\u202e\n" }, 1),
    '{\n "\\u009b": "\\u202e\\n"\n}',
  );
});

Deno.test("every text of a document is changed, and nothing else", () => {
  assertEquals(
    mapTexts({ a: "x", b: [null, 1, "y"] }, (text) => `${text}!`),
    { a: "x!", b: [null, 1, "y!"] },
  );
});

Deno.test("a long text ends where it has to", () => {
  assertEquals(clipped("abcd", 4), "abcd");
  assertEquals(clipped("abcde", 4), "abc…");
});
