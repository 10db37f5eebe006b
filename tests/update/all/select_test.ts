import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { selectVms } from "../../../lib/update/all/select.ts";
import { listed } from "./listed.ts";

const names = (pattern: string, all: readonly (string | null)[]) =>
  selectVms(all.map((name, at) => listed({ pid: at + 1, name })), pattern)
    .map(({ name }) => name);

Deno.test("VMs are selected by shell patterns", () => {
  const all = ["web-1", "web-12", "db", "a.b", null];
  assertEquals(names("*", all), all);
  assertEquals(names("web-*", all), ["web-1", "web-12"]);
  assertEquals(names("web-?", all), ["web-1"]);
  assertEquals(names("a.b", all), ["a.b"]);
  assertEquals(names("a?b", all), ["a.b"]);
  assertEquals(names(".*", all), []);
  assertEquals(names("DB", all), []);
});

Deno.test("a name without special characters selects its VM", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (name) => {
    fc.pre(!/[*?]/.test(name));
    assertEquals(names(name, [name, `${name}x`]), [name]);
  }));
});
