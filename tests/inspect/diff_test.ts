import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  diff,
  type DiffChoice,
  type Difference,
  inspect,
  InspectError,
  isIncomparable,
  isSame,
  writeDiffJson,
} from "../../lib/inspect/mod.ts";
import { MigrationStreamError } from "../../lib/migration/stream/mod.ts";
import { data, STREAMS } from "../../testing/data/data.ts";
import {
  configuration,
  device,
  EOF,
  EOS,
  footer,
  HEADER,
  joined,
  oneBlock,
  ramPart,
  ramStart,
  section,
  vmdesc,
  word,
} from "../../testing/streams/foreign.ts";
import {
  everyType,
  inputOf,
  mappedRam,
  withRam,
} from "../../testing/streams/streams.ts";

function difference(old: Uint8Array, now: Uint8Array): Difference {
  return diff(inspect(inputOf(old, "old")), inspect(inputOf(now, "new")));
}

/** Offset of the first field of {@linkcode everyType}. */
const PAYLOAD = 32;

function changed(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = byte;
  return copy;
}

function paths({ sections }: Difference): unknown[] {
  return sections.map(({ name, change, fields }) => [
    name,
    change,
    fields.map(({ path, old, new: now }) => [path, old?.value, now?.value]),
  ]);
}

Deno.test("a state does not differ from itself", async () => {
  for (const bytes of [everyType(), withRam()]) {
    assert(isSame(difference(bytes, bytes.slice())));
  }
  for (const name of [...STREAMS, "cpr-exec-pc-rich.qcpr"]) {
    const bytes = await data(name);
    assert(isSame(difference(bytes, bytes)), name);
  }
});

Deno.test("a changed byte is the one field that it belongs to", () => {
  const old = everyType();
  const start = PAYLOAD;
  const cases: [offset: number, byte: number, path: string, value: unknown][] =
    [
      [0, 0, "flag", false],
      [5, 0xff, "small", -1],
      [17, 0xfe, "large", 0xffff_ffff_ffff_fffen],
      [25, 0xfe, "timer", -2n],
      [33, 9, "bits[0]", 9n],
      [48, 9, "packed[1]", 9],
      [51, 9, "spelt[1]", 9],
      [55, 8, "queue[1].a", 8],
      [74, 8, "nested.inner/more.b", 8],
      [88, 8, "dev/sub.s", 8],
    ];
  for (const [offset, byte, path, value] of cases) {
    const now = changed(old, start + offset, byte);
    const [found, ...others] = difference(old, now).sections;
    assertEquals(others, []);
    assertEquals(
      found?.fields.map(({ path, new: now }) => [path, now?.value]),
      [[path, value]],
    );
  }
});

/** Two devices of one field each, in this order. */
function devices(
  ...list: (readonly [name: string, type: string, payload: number[]])[]
): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    ...list.map(([name, , payload], id) =>
      joined(section(4, id, name, 1, payload), footer(id))
    ),
    EOF,
    vmdesc(...list.map(([name, type, payload]) => ({
      ...device([{ name: "x", type, size: payload.length }]),
      name,
    }))),
  );
}

Deno.test("sections are known by name, whatever their order and ids", () => {
  const old = devices(["a", "uint8", [1]], ["b", "uint8", [2]]);
  const now = devices(["b", "uint8", [2]], ["a", "uint8", [1]]);
  assert(isSame(difference(old, now)));
  const fewer = devices(["b", "uint8", [2]], ["c", "uint8", [1]]);
  assertEquals(paths(difference(old, fewer)), [
    ["a", "removed", []],
    ["c", "added", []],
  ]);
});

Deno.test("integers are compared by value, not by width", () => {
  const narrow = devices(["a", "uint32", [0, 0, 0, 5]]);
  const wide = devices(["a", "uint64", [0, 0, 0, 0, 0, 0, 0, 5]]);
  assert(isSame(difference(narrow, wide)));
  const other = devices(["a", "int64", [0, 0, 0, 0, 0, 0, 0, 6]]);
  assertEquals(paths(difference(narrow, other)), [
    ["a", "changed", [["x", 5, 6n]]],
  ]);
});

Deno.test("any byte but 0 is true", () => {
  const one = devices(["a", "bool", [1]]);
  assert(isSame(difference(one, devices(["a", "bool", [2]]))));
  assert(!isSame(difference(one, devices(["a", "bool", [0]]))));
});

Deno.test("a version is a field", () => {
  const of = (version: number) =>
    joined(
      HEADER,
      configuration(),
      section(4, 7, "dev", version, [5]),
      footer(7),
      EOF,
    );
  assertEquals(paths(difference(of(1), of(2))), [
    ["dev", "changed", [["(version)", 1, 2]]],
  ]);
});

Deno.test("the configuration is compared", () => {
  const old = joined(HEADER, configuration(), EOF);
  const now = joined(HEADER, configuration("x-ignore-shared"), EOF);
  const { configuration: fields } = difference(old, now);
  assertEquals(fields.map(({ path }) => path), [
    "capabilities.x-ignore-shared",
  ]);
});

Deno.test("pages are compared by their last content", () => {
  const old = withRam();
  const page = old.indexOf(0x5a);
  // Page 0 of ram0 was sent again later.
  assert(isSame(difference(old, changed(old, page, 1))));
  const rom = old.lastIndexOf(0x5a);
  const { ram } = difference(old, changed(old, rom, 1));
  assertEquals(
    ram.map(({ name, pages }) => [name, pages]),
    [["/rom@etc/x", {
      changed: 1,
      firstChanged: [4096],
      onlyOld: 0,
      onlyNew: 0,
    }]],
  );
});

const PAGE = 4096;
const NAME = [1, 0x72];
const page = (fill: number) => new Uint8Array(PAGE).fill(fill);

/** A stream of one block "r" of four pages with these records. */
function ram(...records: (Uint8Array | number[])[]): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 4 * PAGE), EOS)),
    ramPart(joined(...records, EOS)),
    EOF,
  );
}

const first = [word(8), NAME, page(1)];

Deno.test("a page that one stream has alone is a difference", () => {
  const old = ram(...first, word(0x1028), page(2));
  const now = ram(...first, word(0x2028), page(2));
  const [block] = difference(old, now).ram;
  assertEquals(block?.pages, {
    changed: 0,
    firstChanged: [],
    onlyOld: 1,
    onlyNew: 1,
  });
  // Nobody knows that the memory was zeros where the stream was loaded.
  const zeros = difference(ram(...first), ram(...first, word(0x1022), [0]));
  assertEquals(zeros.ram[0]?.pages, {
    changed: 0,
    firstChanged: [],
    onlyOld: 0,
    onlyNew: 1,
  });
});

Deno.test("a page that was sent twice is what it was last", () => {
  const again = [word(0x0028), page(9), word(0x0028), page(1)];
  assert(isSame(difference(ram(...first), ram(...first, ...again))));
});

Deno.test("a delta is compared by the page that it makes", () => {
  const delta = (...coded: number[]) => [
    ...first,
    ...[word(0x60), [1, 0, coded.length], coded],
  ];
  const old = ram(...delta(2, 3, 7, 8, 9));
  assertEquals(difference(old, ram(...delta(2, 3, 7, 8, 8))).ram[0]?.pages, {
    changed: 1,
    firstChanged: [0],
    onlyOld: 0,
    onlyNew: 0,
  });
  const spelt = ram(...delta(2, 1, 7, 0, 2, 8, 9));
  assert(isSame(difference(old, spelt)));
  const whole = page(1);
  whole.set([7, 8, 9], 2);
  assert(isSame(difference(old, ram(word(8), NAME, whole))));
});

Deno.test("the first pages that differ are named by their offsets", () => {
  const pages = (fill: number, ...numbers: number[]) =>
    ram(
      word(8),
      NAME,
      page(1),
      ...numbers.flatMap((it) => [word(it * PAGE | 0x28), page(fill)]),
    );
  const [block] = difference(pages(2, 1, 3), pages(3, 1, 3)).ram;
  assertEquals(block?.pages?.firstChanged, [PAGE, 3 * PAGE]);
});

Deno.test("sections are compared that are named, and none that is ignored", async () => {
  const old = inspect(inputOf(await data("cpr-exec-q35-plain.vm.state")));
  const now = inspect(inputOf(await data("cpr-transfer-q35-main.stream")));
  const names = (choice: DiffChoice) => {
    const { configuration, sections, ram } = diff(old, now, choice);
    return [
      ...configuration.length > 0 ? ["configuration"] : [],
      ...sections.map(({ name }) => name),
      ...ram.map(({ name }) => `RAM ${name}`),
    ];
  };
  const all = names({});
  assert(all.includes("RAM ram0") && all.includes("cpu"));
  assertEquals(names({ section: "cpu:0,kvm*" }), ["cpu", "kvmclock"]);
  assertEquals(names({ section: "ram" }), ["RAM ram0"]);
  // There is one, and it is the same.
  assertEquals(names({ section: "globalstate" }), []);
  assertEquals(
    names({ ignore: "ram,i*,never-there" }),
    all.filter((it) => it !== "RAM ram0" && !it.startsWith("i")),
  );
  assertEquals(names({ section: "c*", ignore: "cpu" }), []);
  assertThrows(() => names({ section: "cpu,never-there" }), InspectError);
});

Deno.test("compressed pages cannot be compared", () => {
  const zlib = ram(...first, word(0x1120), [0, 0, 0, 2], [0x78, 0x9c]);
  const found = difference(zlib, zlib);
  assert(!isSame(found) && found.ram.every(isIncomparable));
});

Deno.test("pages of mapped-ram are compared", () => {
  const found = difference(mappedRam(), mappedRam());
  assert(isSame(found));
  const other = mappedRam();
  other[other.lastIndexOf(3)] = 4;
  const [block] = difference(mappedRam(), other).ram;
  assertEquals(block?.pages, {
    changed: 1,
    firstChanged: [8192],
    onlyOld: 0,
    onlyNew: 0,
  });
});

Deno.test("the address of a block is compared", () => {
  const at = (address: number) =>
    joined(
      HEADER,
      configuration("x-ignore-shared"),
      ramStart(joined(oneBlock("r", 0x4000), word(address), EOS)),
      EOF,
    );
  assert(isSame(difference(at(0x1000), at(0x1000))));
  const [block] = difference(at(0x1000), at(0x2000)).ram;
  assertEquals([block?.old?.address, block?.new?.address], [0x1000n, 0x2000n]);
});

Deno.test("CPR state is compared by name and id", async () => {
  const old = await data("cpr-exec-q35-plain.qcpr");
  const now = changed(old, old.length - 26, old[old.length - 26] ?? 0);
  assert(isSame(difference(old, now)));
  const { sections } = difference(old, await data("cpr-exec-pc-rich.qcpr"));
  const added = sections.filter(({ change }) => change === "added");
  const differ = sections.filter(({ change }) => change === "changed");
  assertEquals([added.length, differ.length, sections.length], [7, 6, 13]);
  assertEquals(differ[0]?.fields[0]?.path, "descriptor");
});

Deno.test("what cannot be compared is refused", async () => {
  const cpr = await data("cpr-exec-q35-plain.qcpr");
  assertThrows(() => difference(cpr, withRam()), InspectError);
  const broken = changed(withRam(), withRam().lastIndexOf(0x7e), 0);
  assertThrows(() => difference(withRam(), broken), MigrationStreamError);
});

Deno.test("the JSON has values by their wire type", async (t) => {
  const old = everyType();
  const start = PAYLOAD;
  const now = changed(changed(old, start + 17, 0xfe), start + 42, 0xcb);
  const texts: string[] = [];
  const files = { old: "a", new: "b" };
  writeDiffJson(difference(old, now), files, (text) => texts.push(text));
  await t.assertSnapshot(texts.join(""));
  writeDiffJson(
    difference(old, old),
    files,
    (text) => assertEquals(JSON.parse(text).same, true),
  );
});
