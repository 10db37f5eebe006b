import { assertEquals, assertThrows } from "@std/assert";
import { ForeignJson, pathText } from "../lib/foreign_json.ts";

const document = {
  name: "pc",
  on: true,
  size: 8,
  devices: [{ name: "uart" }, { size: -1, fields: [{}, { size: 1.5 }] }],
  mixed: [{}, 3],
};

function reader(root: unknown): ForeignJson {
  return new ForeignJson(
    root,
    (path, what) => new Error(`${pathText(path)} ${what}`),
  );
}

Deno.test("members of the right type are given", () => {
  const json = reader(document);
  const { root } = json;
  assertEquals(json.text(root, "name"), "pc");
  assertEquals(json.flag(root, "on"), true);
  assertEquals(json.count(root, "size"), 8);
  const [uart] = json.objects(root, "devices");
  assertEquals(uart, { name: "uart" });
  assertEquals(json.object({ uart }, "uart"), uart);
});

Deno.test("what is wrong is told with its path", () => {
  const json = reader(document);
  const { root } = json;
  const [, device = {}] = json.objects(root, "devices");
  const [, field = {}] = json.objects(device, "fields");
  const cases: readonly (readonly [look: () => unknown, message: string])[] = [
    [() => reader([]), " is not an object"],
    [() => reader(null), " is not an object"],
    [() => json.text(root, "size"), ".size is not a string"],
    [() => json.text(root, "machine"), ' has no "machine"'],
    [() => json.flag(root, "size"), ".size is not a boolean"],
    [() => json.object(root, "devices"), ".devices is not an object"],
    [() => json.objects(root, "name"), ".name is not an array"],
    [() => json.objects(root, "mixed"), ".mixed[1] is not an object"],
    [() => json.count(device, "size"), ".devices[1].size is not a count"],
    [
      () => json.count(field, "size"),
      ".devices[1].fields[1].size is not a count",
    ],
    [() => json.count(field, "name"), '.devices[1].fields[1] has no "name"'],
  ];
  for (const [look, message] of cases) {
    assertEquals(assertThrows(look, Error).message, message);
  }
});

Deno.test("a document nested without end is told of, too", () => {
  let deep: unknown = {};
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const json = reader({ deep, last: {} });
  const last = json.object(json.root, "last");
  assertThrows(() => json.text(last, "x"), Error, '.last has no "x"');
});

Deno.test("a path is looked for without a text for each value", () => {
  const one = {};
  const many: unknown[] = new Array(1_000_000).fill(one);
  const json = reader({ many: [...many, { last: {} }] });
  const list = json.objects(json.root, "many");
  const last = json.object(list.at(-1) ?? {}, "last");
  const error = assertThrows(() => json.text(last, "x"), Error);
  assertEquals(error.message, '.many[1000000].last has no "x"');
});

Deno.test("of a long path the middle is left out", () => {
  const path = ["a", 0, "b", 1, "c", 2, "d", 3, "e", 4, "f"];
  assertEquals(pathText(path), ".a[0].b[1].c….d[3].e[4].f");
});
