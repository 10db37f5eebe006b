import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  JsonForm,
  KeyvalText,
  OptionSyntaxError,
  OptionValueError,
  parseValue,
} from "../../lib/cmdline/mod.ts";

const BLOCKDEV =
  '{ "driver":"qcow2", "node-name":"d0",\n  "file":{"driver":"file","filename":"/a,b \\"c\\".img","aio":"native"}, "read-only":false, "n":[1,{"x":9007199254740993}] }';

Deno.test("nested keys are dotted, scalars are as key=value has them", () => {
  const value = JsonForm.parse(BLOCKDEV);
  assertEquals(value.entries, [
    { key: "driver", value: "qcow2" },
    { key: "node-name", value: "d0" },
    { key: "file.driver", value: "file" },
    { key: "file.filename", value: '/a,b "c".img' },
    { key: "file.aio", value: "native" },
    { key: "read-only", value: "off" },
    { key: "n.0", value: "1" },
    { key: "n.1.x", value: "9007199254740993" },
  ]);
  assertEquals(value.boolean("read-only"), false);
});

Deno.test("an edit keeps every other character", () => {
  const value = JsonForm.parse(BLOCKDEV);
  assertEquals(
    value.with("file.filename", "/new").toString(),
    BLOCKDEV.replace('"/a,b \\"c\\".img"', '"/new"'),
  );
  assertEquals(
    value.with("read-only", true).toString(),
    BLOCKDEV.replace("false", "true"),
  );
  assertEquals(
    value.with("file.locking", "off").toString(),
    BLOCKDEV.replace('"native"', '"native","locking":"off"'),
  );
  assertEquals(
    value.without("file.driver").toString(),
    BLOCKDEV.replace('"driver":"file",', ""),
  );
  assertEquals(
    value.without("file.aio").toString(),
    BLOCKDEV.replace(',"aio":"native"', ""),
  );
  assertEquals(value.without("file.nothing.here").toString(), BLOCKDEV);
});

Deno.test("members come and go in an object of none or one", () => {
  assertEquals(
    JsonForm.parse("{}").with("a.b", 1).toString(),
    '{"a": {"b": 1}}',
  );
  assertEquals(
    JsonForm.parse('{"a":1}').with("b", "x").toString(),
    '{"a":1, "b":"x"}',
  );
  assertEquals(JsonForm.parse('{ "a" : 1 }').without("a").toString(), "{  }");
});

Deno.test("a parent that holds no keys cannot be given one", () => {
  assertThrows(
    () => JsonForm.parse('{"file":"node0"}').with("file.aio", "native"),
    OptionValueError,
    "its parent holds no keys",
  );
});

Deno.test("strings in single quotes and escapes are read", () => {
  const value = JsonForm.parse(`{'a':'it\\'s "q" \\u00e9\\n','b':"'"}`);
  assertEquals(value.get("a"), `it's "q" \u00e9\n`);
  assertEquals(value.get("b"), "'");
  assertEquals(
    value.with("b", "x").toString(),
    `{'a':'it\\'s "q" \\u00e9\\n','b':"x"}`,
  );
});

Deno.test("what is no JSON object is refused with its offset", () => {
  const malformed: [string, number, string][] = [
    ["{", 1, "want a key in quotes"],
    ['{"a"}', 4, 'want ":"'],
    ['{"a":}', 5, "expected a JSON value"],
    ['{"a":01}', 5, "expected a JSON value"],
    ['{"a":1', 6, 'expected "," or "}"'],
    ['{"a":[1}', 7, 'expected "," or "]"'],
    ['{"a":1,}', 7, "want a key in quotes"],
    ['{"a":"x}', 5, "unterminated string"],
    ['{"a":"\\x"}', 5, "bad escape"],
    ['{"a":1} x', 8, "expected the end"],
    ['{"a":1,"a":2}', 7, 'key "a" repeated'],
    [`{"a":${"[".repeat(100)}`, 69, "nested too deeply"],
  ];
  for (const [text, offset, detail] of malformed) {
    const error = assertThrows(
      () => JsonForm.parse(text),
      OptionSyntaxError,
      detail,
    );
    assertEquals(error.offset, offset, text);
  }
});

Deno.test("any JSON object comes back as it was, in any spacing", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(0, 1, 4),
      (object, spacing) => {
        const text = JSON.stringify(object, null, spacing);
        assertEquals(JsonForm.parse(text).toString(), text);
      },
    ),
  );
});

Deno.test("an edited object is the object edited", () => {
  const name = fc.stringMatching(/^[a-z]{1,3}$/);
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.jsonValue(), { noNullPrototype: true }),
      name,
      fc.oneof(fc.string(), fc.boolean(), fc.integer()),
      (object, key, value) => {
        const form = JsonForm.parse(JSON.stringify(object));
        assertEquals(
          JSON.parse(form.with(key, value).toString()),
          JSON.parse(JSON.stringify({ ...object, [key]: value })),
        );
        const { [key]: _removed, ...rest } = object;
        assertEquals(
          JSON.parse(form.without(key).toString()),
          JSON.parse(JSON.stringify(rest)),
        );
      },
    ),
  );
});

Deno.test("the form follows from the first character", () => {
  assert(parseValue('{"driver":"x"}', "driver") instanceof JsonForm);
  assert(parseValue("x", "driver") instanceof KeyvalText);
  assert(parseValue("", "driver") instanceof KeyvalText);
});
