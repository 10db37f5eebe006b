import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  inspect,
  InspectError,
  selectSections,
  type StreamInspection,
  treeOf,
  verify,
} from "../../lib/inspect/mod.ts";
import { isStruct } from "../../lib/migration/stream/mod.ts";
import { Sink, StreamError } from "../../lib/stream/mod.ts";
import { data } from "../../testing/data/data.ts";
import {
  configuration,
  EOF,
  EOS,
  footer,
  HEADER,
  joined,
  oneBlock,
  ramStart,
  section,
} from "../../testing/streams/foreign.ts";
import { inputOf, postcopy, withRam } from "../../testing/streams/streams.ts";

Deno.test("what is neither stream nor CPR state is named", async (t) => {
  const strangers = [
    "",
    "Q",
    "\x7fELF",
    "\x1f\x8b\x08\x00",
    "\x11\x22\x33\x44\x00",
    "LibvirtQemudSave",
    "QFI\xfb",
    "\x28\xb5\x2f\xfd",
    "\xfd7zXZ\0",
    "BZh9",
    "\x89LZO\0",
    "\x04\x22\x4d\x18",
    "VMA\0",
  ];
  for (const text of strangers) {
    const bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
    const error = assertThrows(() => inspect(inputOf(bytes)), InspectError);
    await t.assertSnapshot([error.message, error.remedy]);
  }
});

Deno.test("parts of a section are one, with what they add up to", () => {
  const inspection = inspect(inputOf(withRam()));
  assert(inspection.format === "migration-stream");
  const [ram, dev] = inspection.sections;
  assertEquals(ram?.name, "ram");
  const pieces = inspection.decoded.records.map((record) =>
    record.type !== "command" && record.name === "ram" ? record.size : 0
  );
  assertEquals(pieces.length, 4);
  assertEquals(ram?.size, pieces.reduce((sum, size) => sum + size, 0));
  assertEquals(dev?.size, 1);
});

Deno.test("progress is told where guest memory is passed over", () => {
  const told = (bytes: Uint8Array) => {
    const seen: number[] = [];
    inspect(inputOf(bytes), (offset) => seen.push(offset));
    return seen;
  };
  assertEquals(told(withRam()), []);
  const size = 20 * 1024 * 1024;
  const bytes = withMemory(size);
  const seen = told(bytes);
  assertEquals(seen.length, 2);
  assert(seen.every((at, index) => at > (seen[index - 1] ?? 0) && at < size));
});

/** A stream of so much guest memory, every page of it sent. */
function withMemory(size: number): Uint8Array {
  const sink = new Sink();
  sink.bytes(joined(HEADER, configuration()));
  sink.bytes(ramStart(joined(oneBlock("r", size), EOS)));
  sink.bytes(Uint8Array.of(2, 0, 0, 0, 1));
  for (let at = 0; at < size; at += 4096) {
    sink.size64(at + (at === 0 ? 0x8 : 0x28));
    if (at === 0) sink.countedString("r");
    sink.zeros(4096);
  }
  sink.bytes(joined(EOS, footer(1), EOF));
  return sink.toBytes();
}

Deno.test("a stream that was cut is listed up to there", async () => {
  const whole = await data("cpr-exec-q35-plain.vm.state");
  const named = (bytes: Uint8Array) => {
    const inspection = inspect(inputOf(bytes));
    assert(inspection.format === "migration-stream");
    return inspection;
  };
  const all = named(whole).sections;
  const last = all.at(-1);
  assert(last !== undefined);
  const names = ({ sections }: ReturnType<typeof named>) =>
    sections.map(({ name, offset }) => `${name} ${offset}`);
  const withoutEnd = named(whole.slice(0, -1));
  assertEquals(names(withoutEnd), names(named(whole)));
  assertStringIncludes(
    withoutEnd.problem?.problem ?? "",
    "bytes, of which the stream has",
  );
  const inside = named(whole.slice(0, last.offset + 40));
  assertEquals(names(inside), names(named(whole)).slice(0, -1));
  assertEquals(inside.problem?.location.section, last.name);
  assertEquals(inside.undescribed, { offset: last.offset, size: 40 });
});

Deno.test("malformed CPR state is refused", async () => {
  const bytes = await data("cpr-exec-q35-plain.qcpr");
  assertThrows(() => inspect(inputOf(bytes.slice(0, 40))), StreamError);
});

Deno.test("sections are chosen by name, last part and instance", async () => {
  const inspection = inspect(
    inputOf(await data("cpr-exec-pc-rich.vm.state")),
  );
  assert(inspection.format === "migration-stream");
  const chosen = (wanted: string) =>
    selectSections(inspection.sections, wanted)
      .map(({ name, instanceId }) => `${name} ${instanceId}`);
  assertEquals(chosen("cpu"), ["cpu 0", "cpu 1"]);
  assertEquals(chosen("cpu:1"), ["cpu 1"]);
  const [net] = chosen("virtio-net");
  assert(net !== undefined && /^0000:.*\/virtio-net 0$/.test(net));
  assertEquals(chosen(net.slice(0, -2)), [net]);
  assertEquals(chosen(`${net.slice(0, -2)}:0`), [net]);
  assertEquals(chosen("ti?er,c?u:1"), ["timer 0", "cpu 1"]);
  const both = chosen("cpu:1,*virtio-net,cpu");
  assertEquals(both.toSorted(), [net, "cpu 0", "cpu 1"]);
  for (const wanted of ["cpu:2", "nothing", "", ":0", "no*"]) {
    assertThrows(() => chosen(wanted), InspectError, `"${wanted}"`);
  }
  assertThrows(() => chosen("cpu,no*,apic"), InspectError, '"no*"');
  const remedy = (wanted: string) =>
    assertThrows(() => chosen(wanted), InspectError).remedy;
  assertMatch(remedy("pci") ?? "", /^Name one of PCI(BUS|Host)/);
  assertMatch(remedy("nothing") ?? "", /^Inspect without --section/);
});

Deno.test("the devices of a postcopy are found in its package", () => {
  const bytes = postcopy();
  const input = inputOf(bytes);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const [ram, dev] = inspection.sections;
  assertEquals([ram?.name, dev?.name], ["ram", "dev"]);
  assertEquals(dev?.state, Uint8Array.of(5));
  assertEquals(bytes.at(dev?.offset ?? 0), 4);
  assertEquals(verify(inspection, input).notUnderstood, 1);
});

Deno.test("virtio devices are decoded where there is no vmdesc, in a package as well", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const described = inspected(bytes);
  const { records, vmdesc } = described.decoded;
  assert(vmdesc !== undefined);
  const expected = virtioOf(described);
  assertEquals(expected.length, 6);
  const end = vmdesc.offset;
  const undescribed = bytes.subarray(0, end);
  const devices = records.find(({ type }) => type === "full")?.offset ?? end;
  const inner = bytes.subarray(devices, end - EOF.length);
  const packaged = new Sink();
  packaged.bytes(bytes.subarray(0, devices));
  packaged.bytes(Uint8Array.of(8, 0, 7, 0, 4));
  packaged.u32(inner.length);
  packaged.bytes(inner);
  packaged.u8(0);
  for (const without of [undescribed, packaged.toBytes()]) {
    const inspection = inspected(without);
    assertEquals(inspection.sections.length, described.sections.length);
    assertEquals(virtioOf(inspection), expected);
    const { places } = verify(inspection, inputOf(without));
    assert(!places.some(({ section }) => section.includes("virtio")));
  }
});

function inspected(bytes: Uint8Array): StreamInspection {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  assertEquals(inspection.problem, undefined);
  return inspection;
}

/** The text of the sections with virtio, as the offsets differ. */
function virtioOf({ sections }: StreamInspection): unknown[] {
  return sections.flatMap(({ name, state }) => {
    if (state === undefined || !isStruct(state)) return [];
    if (!state.fields.some(({ type }) => type === "virtio")) return [];
    const lines = [...treeOf(state)].map(({ name, text }) => [name, text]);
    assert(lines.length > 50);
    return [[name, state.vmsd, state.version, lines]];
  });
}

Deno.test("a package that is cut is opened as far as it goes", () => {
  // A record that is none, a device that is cut, an end that should not be.
  for (const unknown of [[9, 9, 9], [4, 0, 0], [0, 9]]) openedUpTo(unknown);
});

function openedUpTo(unknown: number[]): void {
  const known = joined(section(4, 7, "dev", 1, [5]), footer(7));
  const listen = [8, 0, 4, 0, 0];
  const package_ = joined(listen, known, listen, unknown);
  const input = inputOf(joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 0x4000), EOS)),
    ...[[8, 0, 7, 0, 4], [0, 0, 0, package_.length], package_],
    EOF,
  ));
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  assertEquals(inspection.sections.map(({ name }) => name), ["ram", "dev"]);
  const [found] = inspection.packages;
  assertEquals(found?.records.map((it) => it.type), [
    "command",
    "full",
    "command",
  ]);
  // The payload, and what is nothing.
  assertEquals(verify(inspection, input).notUnderstood, 1 + unknown.length);
}

Deno.test("where a stream begins further on is said", () => {
  const bytes = joined(new Uint8Array(100), withRam());
  const error = assertThrows(() => inspect(inputOf(bytes)), InspectError);
  assertEquals(error.remedy, "A stream begins later: give --offset 100");
});
