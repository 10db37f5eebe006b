import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MOST_KEYS } from "../../lib/cmdline/option_value.ts";
import {
  JsonForm,
  KeyvalText,
  OptionSyntaxError,
  OptionValueError,
} from "../../lib/cmdline/mod.ts";

/** Text as a person types it: keys, values, and the marks between them. */
const written = fc.array(
  fc.constantFrom("a", "no", "b c", "=", ",", ",,", '"', "é", "{"),
  { maxLength: 12 },
).map((parts) => parts.join(""));

const key = fc.string({ minLength: 1 }).filter((text) => !/[=,]/.test(text));

/** Reads `text`; undefined where it has an item without a key. */
function parse(text: string, impliedKey?: string): KeyvalText | undefined {
  try {
    return KeyvalText.parse(text, impliedKey);
  } catch (error) {
    if (error instanceof OptionSyntaxError) return undefined;
    throw error;
  }
}

Deno.test("keys and values, an implied key, doubled commas", () => {
  const value = KeyvalText.parse(
    "virtio-blk-pci,drive=disk0,serial=a,,b=c,addr=0x4",
    "driver",
  );
  assertEquals(
    value.entries.map(({ key, value }) => [key, value]),
    [
      ["driver", "virtio-blk-pci"],
      ["drive", "disk0"],
      ["serial", "a,b=c"],
      ["addr", "0x4"],
    ],
  );
});

Deno.test("an odd comma after doubled ones ends the value", () => {
  const value = KeyvalText.parse("a=1,,,b=2,,");
  assertEquals(value.get("a"), "1,");
  assertEquals(value.get("b"), "2,");
});

Deno.test("a first item with a key is no implied one", () => {
  const value = KeyvalText.parse("driver=e1000,mac=1", "driver");
  assertEquals(value.get("driver"), "e1000");
  assertEquals(
    value.with("driver", "rtl8139").toString(),
    "driver=rtl8139,mac=1",
  );
});

Deno.test("an implied value may hold doubled commas", () => {
  const value = KeyvalText.parse("vm,,1,process=x", "guest");
  assertEquals(value.get("guest"), "vm,1");
  assertEquals(value.with("guest", "a,b").toString(), "a,,b,process=x");
  assertEquals(value.with("guest", "a=b").toString(), "guest=a=b,process=x");
  assertEquals(value.with("guest", "").toString(), "guest=,process=x");
});

Deno.test("old flags without a value are booleans", () => {
  const value = KeyvalText.parse("unix:/run/a.qmp,server,nowait", "address");
  assertEquals(value.get("address"), "unix:/run/a.qmp");
  assertEquals(value.boolean("server"), true);
  assertEquals(value.boolean("wait"), false);
  assertEquals(
    value.with("wait", true).toString(),
    "unix:/run/a.qmp,server,wait=on",
  );
});

Deno.test("of a repeated key the last counts, and all are removed", () => {
  const value = KeyvalText.parse("a=1,b=2,a=3");
  assertEquals(value.get("a"), "3");
  assertEquals(value.with("a", 4).toString(), "a=1,b=2,a=4");
  assertEquals(value.without("a").toString(), "b=2");
});

Deno.test("a flag that comes to stand first is not taken for a driver", () => {
  const value = KeyvalText.parse("socket,nowait,id=a", "backend");
  const rest = value.without("backend");
  assertEquals(rest.toString(), "wait=off,id=a");
  assertEquals(rest.get("backend"), undefined);
});

Deno.test("a new key goes to the end, also after a last comma", () => {
  assertEquals(KeyvalText.parse("").with("a", true).toString(), "a=on");
  assertEquals(KeyvalText.parse("a=1,").toString(), "a=1,");
  assertEquals(KeyvalText.parse("a=1,").with("b", 2n).toString(), "a=1,b=2");
  assertEquals(KeyvalText.parse("a=1,").without("a").toString(), "");
});

Deno.test("an item without a key is refused with its offset", () => {
  const malformed: [string, number][] = [["=1", 0], ["a=1,=2", 4], [
    "a,b,,c",
    4,
  ]];
  for (const [text, offset] of malformed) {
    const error = assertThrows(
      () => KeyvalText.parse(text, "driver"),
      OptionSyntaxError,
      "no key",
    );
    assertEquals([error.text, error.offset], [text, offset]);
  }
});

Deno.test("booleans, sizes and integers by key", () => {
  const value = KeyvalText.parse("size=64M,share=on,vectors=0x10,m=128,x=1Z");
  assertEquals(value.size("size"), 64 * 1024 ** 2);
  assertEquals(value.size("m", "M"), 128 * 1024 ** 2);
  assertEquals(value.boolean("share"), true);
  assertEquals(value.integer("vectors"), 16);
  assertEquals(value.size("absent"), undefined);
  assertEquals(value.require("m"), "128");
  assertThrows(() => value.size("x"), OptionValueError, 'set "x" to "1Z"');
  assertThrows(
    () => value.boolean("m"),
    OptionValueError,
    'want "on" or "off"',
  );
  assertThrows(() => value.require("id"), OptionValueError, "not given");
});

Deno.test("every text comes back as it was", () => {
  let parsed = 0;
  fc.assert(fc.property(written, fc.boolean(), (text, implied) => {
    const value = parse(text, implied ? "driver" : undefined);
    if (value === undefined) return;
    parsed += 1;
    assertEquals(value.toString(), text);
  }));
  assert(parsed > 10, "hardly any text was parsed");
});

Deno.test("setting a key changes that key only, and can be read again", () => {
  fc.assert(fc.property(written, key, fc.string(), (text, name, set) => {
    const before = parse(text, "driver");
    if (before === undefined) return;
    const after = KeyvalText.parse(
      before.with(name, set).toString(),
      "driver",
    );
    assertEquals(after.get(name), set);
    assertEquals(others(after, name), others(before, name));
  }));
});

Deno.test("removing a key removes that key only", () => {
  fc.assert(fc.property(written, fc.nat(5), (text, choice) => {
    const before = parse(text, "driver");
    const name = before?.entries[choice]?.key;
    if (before === undefined || name === undefined) return;
    const after = KeyvalText.parse(before.without(name).toString(), "driver");
    assertEquals(after.has(name), false);
    assertEquals(others(after, name), others(before, name));
  }));
});

Deno.test("an empty implied value that is left alone keeps its key", () => {
  const left = KeyvalText.parse(",a", "driver").without("a");
  assertEquals(left.toString(), "driver=");
  assertEquals(KeyvalText.parse(left.toString(), "driver").entries.length, 1);
});

function others(value: KeyvalText, name: string): string[][] {
  return value.entries.filter((entry) => entry.key !== name)
    .map((entry) => [entry.key, entry.value]);
}

Deno.test("a value has a limited number of keys", () => {
  const text = (count: number) => Array(count).fill("a=1").join(",");
  assertEquals(KeyvalText.parse(text(MOST_KEYS)).entries.length, MOST_KEYS);
  assertThrows(() => KeyvalText.parse(text(MOST_KEYS + 1)), OptionSyntaxError);
  const json = `{"a":[${Array(MOST_KEYS + 1).fill(1).join()}]}`;
  assertThrows(() => JsonForm.parse(json), OptionSyntaxError);
});
