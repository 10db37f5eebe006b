import { assert, assertEquals } from "@std/assert";
import {
  compareDumps,
  type InUse,
  parseDump,
} from "../../../lib/inspect/compat/mod.ts";
import { dump, dumpText, field, type Member, vmsd } from "./dumps.ts";

/** What is found, as short words: rule, grade, description.field. */
function found(
  old: Readonly<Record<string, Member>>,
  next: Readonly<Record<string, Member>>,
  inUse?: InUse,
): string[] {
  return compareDumps(dump(old), dump(next), inUse).findings.map(
    ({ rule, grade, vmsd, field }) =>
      `${rule} ${grade} ${vmsd}${field === undefined ? "" : `.${field}`}`,
  );
}

/** What is found where one device has these fields, and then those. */
function inFields(
  old: readonly Member[],
  next: readonly Member[],
  [before, after]: readonly [Member, Member] = [{}, {}],
): string[] {
  return found(
    { uart: vmsd("uart", old, before) },
    { uart: vmsd("uart", next, after) },
  );
}

/** A field of a dump that tells counts. */
function one(name: string, size = 4): Member {
  return field(name, { size, num: 1 });
}

const [A, B, C] = [one("a"), one("b"), one("c")];

/** A stream with one section "uart". */
function sent(
  version: number,
  subsections: Readonly<Record<string, number>> = {},
): InUse {
  const section = {
    version,
    fields: undefined,
    subsections: new Map(Object.entries(subsections)),
  };
  return { sections: new Map([["uart", [section]]]) };
}

Deno.test("nothing is found between a dump and itself", () => {
  assertEquals(inFields([A, B, C], [A, B, C]), []);
});

Deno.test("machine-differs", () => {
  const types = { uart: vmsd("uart", [A]) };
  const { findings } = compareDumps(dump(types), dump(types, "box-2.0"));
  assertEquals(findings.map(({ rule, grade }) => [rule, grade]), [
    ["machine-differs", "warn"],
  ]);
});

Deno.test("type-missing", () => {
  const old = { uart: vmsd("uart", []), rtc: vmsd("rtc", []) };
  assertEquals(found(old, { rtc: vmsd("rtc", []) }), [
    "type-missing warn uart",
  ]);
  assertEquals(found({ rtc: vmsd("rtc", []) }, old), []);
});

Deno.test("a section is that of the type that can have sent it", () => {
  const old = {
    "uart-isa": vmsd("uart", [A], { version_id: 2 }),
    "uart-pci": vmsd("uart", [field("dev"), B], { version_id: 3 }),
    "uart-mmio": vmsd("uart", [C], { version_id: 3 }),
  };
  const next = {
    ...old,
    "uart-isa": vmsd("uart-isa", [A]),
    "uart-mmio": vmsd("uart", [A], { version_id: 1 }),
  };
  const hits = (version: number, ...fields: string[]) => {
    const section = {
      version,
      fields: new Set(fields),
      subsections: new Map(),
    };
    const { findings, unseen } = compareDumps(dump(old), dump(next), {
      sections: new Map([["uart", [section]]]),
    });
    return [
      ...findings.filter(({ hit }) => hit).map(({ rule, types }) =>
        `${rule} ${types}`
      ),
      ...unseen,
    ];
  };
  assertEquals(hits(3, "dev", "b"), []);
  assertEquals(hits(3, "c"), ["version-too-new uart-mmio"]);
  assertEquals(hits(2, "a"), ["section-renamed uart-isa"]);
  // Of two that can have, the one that is loaded best.
  assertEquals(hits(3), []);
  // No type has such a version: what sent it registers its state by hand.
  assertEquals(hits(7), ["uart"]);
});

Deno.test("a field with a condition counts if the stream has it", () => {
  const maybe = { ...B, field_exists: true };
  const old = { uart: vmsd("uart", [A, maybe]) };
  const next = { uart: vmsd("uart", [A]) };
  const inUse = (...fields: string[]) => ({
    sections: new Map([["uart", [
      { version: 1, fields: new Set(fields), subsections: new Map() },
    ]]]),
  });
  assertEquals(found(old, next, inUse("a")), []);
  assertEquals(found(old, next, inUse("a", "b")), [
    "field-removed warn uart.b",
  ]);
});

Deno.test("nothing more is said of a section whose version is refused", () => {
  assertEquals(inFields([A, B], [C], [{ version_id: 2 }, {}]), [
    "version-too-new refuse uart",
  ]);
});

Deno.test("the dump of a QEMU that tells no counts is not taken for ones", () => {
  const many = field("a", { num: 4 });
  assertEquals(inFields([field("a")], [many]), []);
  assertEquals(inFields([many], [field("a")]), []);
  assertEquals(inFields([field("a")], [field("a", { num: 4, size: 8 })]), [
    "field-resized warn uart.a",
  ]);
  assertEquals(inFields([field("a"), field("b")], [one("unused", 24), B]), []);
  const some = field("s", { Description: vmsd("inner", [field("a")]) });
  assertEquals(inFields([some], [{ ...some, num: 3 }]), []);
});

Deno.test("a type whose state is not described is named, not judged", () => {
  const flash = { flash: { Name: "flash", version_id: 1 } };
  const text = JSON.stringify({
    ...JSON.parse(dumpText({ uart: vmsd("uart", [A]) })),
    ...flash,
  });
  const next = dump({ uart: vmsd("uart", [A]) });
  const old = parseDump(text, "old.json");
  assertEquals(compareDumps(old, next).findings, []);
  const { unseen } = compareDumps(old, next, {
    types: new Set(["uart", "flash"]),
  });
  assert(unseen.includes("flash"), unseen.join());
});

Deno.test("a type whose name QEMU changed is not missing", () => {
  const old = { "ICH9 LPC": vmsd("ICH9LPC", [A]) };
  const next = { "ICH9-LPC": vmsd("ICH9LPC", [A]) };
  assertEquals(found(old, next), []);
  assertEquals(found(next, old), []);
});

Deno.test("section-renamed", () => {
  assertEquals(
    found({ uart: vmsd("uart", [A]) }, { uart: vmsd("serial", [A]) }),
    ["section-renamed refuse uart"],
  );
});

Deno.test("version-too-new", () => {
  assertEquals(inFields([A], [A], [{ version_id: 2 }, {}]), [
    "version-too-new refuse uart",
  ]);
  assertEquals(inFields([A], [A], [{}, { version_id: 2 }]), []);
});

Deno.test("version-too-old", () => {
  const next = { version_id: 3, minimum_version_id: 2 };
  assertEquals(inFields([A], [A], [{}, next]), ["version-too-old refuse uart"]);
});

Deno.test("the latest version of a program is none too old for it", () => {
  const odd = { version_id: 1, minimum_version_id: 2 };
  assertEquals(inFields([A], [A], [odd, odd]), []);
});

Deno.test("the version in a stream counts, not the program's", () => {
  const old = { uart: vmsd("uart", [A], { version_id: 2 }) };
  const next = { uart: vmsd("uart", [A]) };
  assertEquals(found(old, next, sent(2)), ["version-too-new refuse uart"]);
  // Then what was sent is not what the dump describes.
  const { findings, unseen } = compareDumps(dump(old), dump(next), sent(1));
  assertEquals([findings.map(({ hit }) => hit), unseen], [[false], ["uart"]]);
});

Deno.test("a struct's version is not on the wire", () => {
  const inner = (version_id: number) => [
    field("s", { Description: vmsd("inner", [A], { version_id }) }),
  ];
  assertEquals(inFields(inner(2), inner(1)), ["version-too-new warn inner"]);
});

Deno.test("field-removed", () => {
  assertEquals(inFields([A, B, C], [A, C]), ["field-removed warn uart.b"]);
  assertEquals(inFields([A, B, C], [A, B]), ["field-removed warn uart.c"]);
  assertEquals(inFields([A], []), ["field-removed warn uart.a"]);
});

Deno.test("field-added", () => {
  assertEquals(inFields([A, C], [A, B, C]), ["field-added warn uart.b"]);
  assertEquals(inFields([A], [A, B]), ["field-added warn uart.b"]);
});

Deno.test("a field that came with a later version is not read", () => {
  const next = { version_id: 2 };
  const late = field("b", { version_id: 2 });
  assertEquals(inFields([A], [A, late], [{}, next]), []);
  assertEquals(inFields([A], [A, late], [next, next]), [
    "field-added warn uart.b",
  ]);
});

Deno.test("a struct reads the fields of its latest version", () => {
  const inner = (version_id: number, fields: readonly Member[]) => [
    field("s", { Description: vmsd("inner", fields, { version_id }) }),
  ];
  const late = field("b", { version_id: 2 });
  assertEquals(inFields(inner(1, [A]), inner(2, [A, late])), [
    "field-added warn inner.b",
  ]);
});

Deno.test("a new field with a condition of its own is not reported", () => {
  const optional = field("b", { field_exists: true });
  assertEquals(inFields([A, C], [A, optional, C]), []);
  assertEquals(inFields([A, optional, C], [A, C]), [
    "field-removed warn uart.b",
  ]);
});

Deno.test("field-renamed", () => {
  assertEquals(inFields([A, B], [A, C]), ["field-renamed warn uart.b"]);
});

Deno.test("a field whose name QEMU changed is the same", () => {
  const e1000 = (name: string) => ({ e1000: vmsd("e1000", [field(name)]) });
  assertEquals(found(e1000("dev"), e1000("parent_obj")), []);
  const pm = (name: string) => ({ PM: vmsd("piix4_pm", [field(name)]) });
  assertEquals(found(pm("pm1a.sts"), pm("ar.pm1.evt.sts")), []);
  assertEquals(found(pm("pm1a.sts"), pm("ar.pm1.evt.en")).length, 1);
  assertEquals(inFields([field("dev")], [field("parent_obj")]), [
    "field-renamed warn uart.dev",
  ]);
});

Deno.test("field-retyped", () => {
  const struct = field("a", { Description: vmsd("inner", [B]) });
  assertEquals(inFields([A], [struct]), ["field-retyped warn uart.a"]);
  assertEquals(inFields([struct], [A]), ["field-retyped warn uart.a"]);
});

Deno.test("field-resized", () => {
  assertEquals(inFields([A], [one("a", 8)]), ["field-resized warn uart.a"]);
  assertEquals(inFields([field("a", { num: 2 })], [field("a", { num: 3 })]), [
    "field-resized warn uart.a",
  ]);
  const pair = field("a", { num: 2 });
  assertEquals(inFields([pair], [one("a", 8)]), []);
});

Deno.test("the C size of a struct does not matter, its number does", () => {
  const struct = (more: Member) => [
    field("s", { Description: vmsd("inner", [A]), ...more }),
  ];
  assertEquals(inFields(struct({ size: 100 }), struct({ size: 200 })), []);
  assertEquals(inFields(struct({ num: 2 }), struct({ num: 4 })), [
    "field-resized warn uart.s",
  ]);
});

Deno.test("fields of one name are told apart by their order", () => {
  const two = [field("config", { size: 256 }), field("config", { size: 4096 })];
  assertEquals(inFields(two, two), []);
  assertEquals(inFields(two, two.slice(0, 1)), [
    "field-removed warn uart.config",
  ]);
});

Deno.test("padding stands for as many bytes", () => {
  const unused = (size: number) => one("unused", size);
  assertEquals(inFields([A, B, C], [A, unused(4), C]), []);
  assertEquals(inFields([A, unused(8)], [A, B, C]), []);
  assertEquals(inFields([A, B, C], [A, unused(8)]), []);
});

Deno.test("padding-resized", () => {
  const unused = (size: number) => one("unused", size);
  assertEquals(inFields([A, B, C], [A, unused(8), C]), [
    "padding-resized warn uart.unused",
  ]);
  assertEquals(inFields([A, unused(8)], [A, unused(4)]), [
    "padding-resized warn uart.unused",
  ]);
});

Deno.test("fields may move into a struct, and out of it", () => {
  const struct = field("s", { Description: vmsd("inner", [A, B]) });
  assertEquals(inFields([A, B, C], [struct, C]), []);
  assertEquals(inFields([struct, C], [A, B, C]), []);
  assertEquals(inFields([A, C], [struct, C]), ["field-added warn uart.b"]);
});

Deno.test("subsection-missing", () => {
  const sub = vmsd("uart/timeout", [A]);
  const old = { uart: vmsd("uart", [], { Subsections: [sub] }) };
  const next = { uart: vmsd("uart", []) };
  const name = "uart.uart/timeout";
  assertEquals(found(old, next), [`subsection-missing warn ${name}`]);
  assertEquals(found(next, old), []);
  assertEquals(found(old, next, sent(1, { "uart/timeout": 1 })), [
    `subsection-missing refuse ${name}`,
  ]);
  const { findings } = compareDumps(dump(old), dump(next), sent(1));
  assertEquals(findings.map(({ grade, hit }) => [grade, hit]), [
    ["warn", false],
  ]);
});

Deno.test("a subsection has a version and fields of its own", () => {
  const uart = (version_id: number, fields: readonly Member[]) => ({
    uart: vmsd("uart", [], {
      Subsections: [vmsd("uart/timeout", fields, { version_id })],
    }),
  });
  assertEquals(found(uart(1, [A]), uart(1, [])), [
    "field-removed warn uart/timeout.a",
  ]);
  assertEquals(found(uart(2, [A]), uart(1, [A])), [
    "version-too-new warn uart/timeout",
  ]);
  assertEquals(
    found(uart(2, [A]), uart(1, [A]), sent(1, { "uart/timeout": 2 })),
    ["version-too-new refuse uart/timeout"],
  );
});

Deno.test("subsections of one name are told apart by their order", () => {
  const subs = [vmsd("uart/x", [A]), vmsd("uart/x", [B])];
  const uart = (Subsections: readonly Member[]) => ({
    uart: vmsd("uart", [], { Subsections }),
  });
  assertEquals(found(uart(subs), uart(subs)), []);
  assertEquals(found(uart(subs), uart(subs.slice(0, 1))), [
    "subsection-missing warn uart.uart/x",
  ]);
});

Deno.test("a finding says whether the VM is hit", () => {
  const old = { uart: vmsd("uart", [A]), rtc: vmsd("rtc", [A]) };
  const next = { uart: vmsd("uart", []), rtc: vmsd("rtc", []) };
  const hits = (inUse?: InUse) =>
    compareDumps(dump(old), dump(next), inUse).findings.map(
      ({ types, hit }) => [types.join(), hit],
    );
  assertEquals(hits(), [["uart", undefined], ["rtc", undefined]]);
  assertEquals(hits(sent(1)), [["uart", true], ["rtc", false]]);
  assertEquals(hits({ types: new Set(["rtc", "other"]) }), [
    ["rtc", true],
    ["uart", false],
  ]);
});

Deno.test("what dumps say nothing of is named", () => {
  const types = { uart: vmsd("uart", []) };
  const sections = new Map(
    ["uart", "timer", "cpu_common"].map((name) => [
      name,
      [{ version: 1, fields: undefined, subsections: new Map() }],
    ]),
  );
  const { unseen } = compareDumps(dump(types), dump(types), { sections });
  assertEquals(unseen, ["cpu_common", "timer"]);
});

Deno.test("of a running VM, what every VM has beside devices is named", () => {
  const types = { uart: vmsd("uart", []) };
  const inUse = { types: new Set(["uart"]) };
  const { unseen } = compareDumps(dump(types), dump(types), inUse);
  assertEquals(unseen, ["cpu_common", "globalstate", "ram", "timer"]);
});

Deno.test("what many types share is said once", () => {
  const of = (fields: readonly Member[]) => {
    const pci = [field("dev", { Description: vmsd("PCIDevice", fields) })];
    return { nic: vmsd("nic", pci), disk: vmsd("disk", pci) };
  };
  const { findings } = compareDumps(dump(of([A])), dump(of([])));
  assertEquals(findings.map(({ vmsd, types }) => [vmsd, types]), [
    ["PCIDevice", ["disk", "nic"]],
  ]);
});

Deno.test("structs are not opened without end", () => {
  const many = Array.from({ length: 1000 }, (_, at) => field(`f${at}`));
  const structs = (prefix: string) =>
    Array.from(
      { length: 20 },
      (_, at) => field(prefix + at, { Description: vmsd("inner", many) }),
    );
  assertEquals(inFields(structs("a"), [...structs("b"), A]).length, 41);
});
