import { assert, assertEquals } from "@std/assert";
import { inspect, selectSections, writeJson } from "../../lib/inspect/mod.ts";
import { data, STREAMS } from "../../testing/data/data.ts";
import {
  configuration,
  device,
  deviceStream,
  EOF,
  footer,
  HEADER,
  joined,
  section,
} from "../../testing/streams/foreign.ts";
import { everyType, inputOf, withRam } from "../../testing/streams/streams.ts";

/** The pieces of text that an inspection is written as. */
function pieces(bytes: Uint8Array, wanted?: string): string[] {
  const inspection = inspect(inputOf(bytes));
  const sections = inspection.format === "cpr-state"
    ? []
    : wanted === undefined
    ? inspection.sections
    : selectSections(inspection.sections, wanted);
  const texts: string[] = [];
  writeJson(inspection, sections, (text) => texts.push(text));
  return texts;
}

const json = (bytes: Uint8Array, wanted?: string) =>
  JSON.parse(pieces(bytes, wanted).join(""));

Deno.test("values are written by their wire type", async (t) => {
  const text = pieces(everyType()).join("");
  await t.assertSnapshot(text);
  const { fields } = JSON.parse(text).sections[0];
  assertEquals(fields.flag, true);
  assertEquals(fields.small, -2);
  assertEquals(fields.unsigned, 0xffff_ffff);
  assertEquals(fields.large, "18446744073709551615");
  assertEquals(fields.timer, "-1");
  assertEquals(fields.bits, ["1", "9223372036854775808"]);
  assertEquals(fields.raw, "cafe");
  assertEquals(fields.packed, fields.spelt);
  assertEquals(fields.queue, [null, { a: 9 }, null]);
});

Deno.test("numbers with a meaning are written with it", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const [{ fields: { virtio } }] = json(bytes, "virtio-net").sections;
  assertEquals(virtio.config.vendor_id, {
    value: 0x1af4,
    name: "Red Hat (virtio)",
  });
  assertEquals(virtio.device.status, { value: 1, names: ["LINK_UP"] });
  assertEquals(virtio.device.mac, "525400123456");
  assertEquals(virtio.queues[2], {
    num: 64,
    descriptors: "0",
    last_avail_idx: 0,
    vector: { value: 0xffff, name: "none" },
  });
  assertEquals(virtio["virtio/64bit_features"].guest_features, {
    value: "0",
    names: [],
  });
});

Deno.test("bytes that do not have their layout are named, with the reason", () => {
  const fields = [
    { name: "msix", type: "msix state", size: 2 },
    { name: "x", type: "uint8", size: 1 },
  ];
  const [section] = json(deviceStream([1, 2, 3], device(fields))).sections;
  assertEquals(section.fields, { msix: "0102", x: 3 });
  assertEquals(section.not_decoded, [
    { field: "msix", reason: "its size is unusual" },
  ]);
});

Deno.test("RAM is a section without fields, and pages by block", () => {
  const { sections, ram } = json(withRam());
  assertEquals(sections[0].name, "ram");
  assert(!("fields" in sections[0]));
  assertEquals(ram, {
    blocks: [
      {
        name: "ram0",
        size: 0x4000,
        pages: 3,
        zero_pages: 2,
        sent_bytes: 3 * 4096,
      },
      {
        name: "/rom@etc/x",
        size: 0x2000,
        pages: 1,
        zero_pages: 0,
        sent_bytes: 4096,
      },
    ],
  });
});

Deno.test("one section is written alone", () => {
  const { sections } = json(withRam(), "dev:0");
  assertEquals(sections.map(({ name }: { name: string }) => name), ["dev"]);
});

Deno.test("what stands before a problem is written, and the problem", () => {
  const whole = withRam();
  const broken = whole.slice();
  const at = whole.lastIndexOf(0x7e);
  broken[at] = 0;
  const { sections, error } = json(broken);
  assertEquals(sections.length, 1);
  assertEquals([error.section, error.instance, error.offset], ["dev", 0, at]);
});

Deno.test("a large buffer is written whole, and in pieces", () => {
  for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000]) {
    const payload = Array.from({ length: size }, (_, at) => at % 251);
    const field = { name: "x", type: "buffer", size };
    const texts = pieces(deviceStream(payload, device([field])));
    const { fields } = JSON.parse(texts.join("")).sections[0];
    assertEquals(fields, { x: Uint8Array.from(payload).toHex() });
    assert(texts.every(({ length }) => length < 100_000));
  }
});

Deno.test("a name that comes twice gets a number", () => {
  const uint8 = (name: string) => ({ name, type: "uint8", size: 1 });
  const bytes = deviceStream(
    [1, 2, 3],
    device([uint8("x"), uint8("y"), uint8("x")]),
  );
  assertEquals(json(bytes).sections[0].fields, { x: 1, y: 2, "x#2": 3 });
});

Deno.test("sections that only footers tell apart are data", () => {
  const { sections } = json(joined(
    HEADER,
    configuration(),
    section(4, 7, "one", 1, [1, 0x7e, 0, 0, 0, 7, 2]),
    footer(7),
    section(4, 8, "two", 3, []),
    footer(8),
    EOF,
  ));
  assertEquals(
    sections.map(({ name, version, size, fields }: {
      name: string;
      version: number;
      size: number;
      fields: unknown;
    }) => [name, version, size, fields]),
    [
      ["one", 1, 7, { data: "017e0000000702" }],
      ["two", 3, 0, { data: "" }],
    ],
  );
});

Deno.test("what nothing can be found in is said", () => {
  const tail = joined([4, 0, 0, 0, 7, 3], [0x7e, 0, 0, 0, 7], EOF);
  const { sections, undescribed } = json(
    joined(HEADER, configuration(), tail),
  );
  assertEquals(sections, []);
  assertEquals(undescribed, {
    offset: HEADER.length + configuration().length,
    size: tail.length,
  });
});

Deno.test("CPR state", async (t) => {
  const text = pieces(await data("cpr-exec-q35-plain.qcpr")).join("");
  await t.assertSnapshot(text);
  const transferred = json(await data("cpr-transfer-q35.qcpr"));
  assertEquals(transferred.descriptors[0].descriptor, null);
});

for (const name of STREAMS) {
  Deno.test(`${name} is written in pieces`, async () => {
    const texts = pieces(await data(name));
    assert(texts.every((text) => text.length < 300_000));
    const { sections } = JSON.parse(texts.join(""));
    assert(sections.length > 20);
  });
}
