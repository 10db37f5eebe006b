import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Json, parseJson, stringifyJson } from "../../lib/qmp/json.ts";

Deno.test("an integer beyond 2^53 is a bigint, any other number a number", () => {
  assertEquals(
    parseJson(
      `{"expected-downtime": 9223372036854775807, "least": -9223372036854775808,
        "most": 18446744073709551615, "safe": 9007199254740991,
        "unsafe": 9007199254740992, "real": 1234567890123456.5, "text": "12345678901234567"}`,
    ),
    {
      "expected-downtime": 9223372036854775807n,
      "least": -9223372036854775808n,
      "most": 18446744073709551615n,
      "safe": 9007199254740991,
      "unsafe": 9007199254740992n,
      "real": 1234567890123456.5,
      "text": "12345678901234567",
    },
  );
});

Deno.test("an integer beyond 64 bits is a number", () => {
  assertEquals(parseJson("18446744073709551616"), 18446744073709551616);
});

Deno.test("a number that could not be written again is refused", () => {
  for (
    const text of [
      "1e400",
      "-1E+999",
      '{"id": [1e308, 1e309]}',
      "9".repeat(1e6),
    ]
  ) {
    assertThrows(() => parseJson(text), SyntaxError, "Number is too large");
  }
  assertEquals(parseJson('[1e308, "1e400", 1e-400]'), [1e308, "1e400", 0]);
});

Deno.test("a __proto__ member is data, in both parsers", () => {
  for (const number of ["1", "9223372036854775807"]) {
    const value = parseJson(`{"__proto__": {"x": ${number}}}`);
    assertEquals(Object.getPrototypeOf(value), Object.prototype);
    assertEquals(Object.keys(Object(value)), ["__proto__"]);
  }
});

Deno.test("a number without a notation in JSON is refused", () => {
  assertThrows(() => stringifyJson({ x: NaN }), TypeError, `"x"`);
});

Deno.test("what is written is read back", () => {
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constant(null),
      fc.boolean(),
      fc.string({ unit: "binary" }),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true })
        // JSON does not keep the sign of zero.
        .map((number) => number === 0 ? 0 : number)
        // A whole number this large is an integer of its own when read back.
        .filter((number) =>
          !Number.isInteger(number) || Number.isSafeInteger(number)
        ),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
      fc.array(tie("value")),
      fc.dictionary(fc.string(), tie("value")),
    ),
  }));
  fc.assert(fc.property(value, (it) => {
    const text = stringifyJson(it);
    assertEquals(text.includes("\n"), false);
    assertEquals(parseJson(text), it);
  }));
});
