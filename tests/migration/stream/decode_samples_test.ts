import { assert, assertEquals } from "@std/assert";
import {
  type DecodedStream,
  type DecodedStruct,
  type DecodedValue,
  decodeStream,
  type DeviceSection,
  isStruct,
} from "../../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../../testing/streams/encode_stream.ts";
import { data, STREAMS } from "../../../testing/data/data.ts";

function device(stream: DecodedStream, name: string): DeviceSection {
  const found = stream.records.find((record) =>
    record.type === "full" && record.name === name
  );
  assert(found?.type === "full", name);
  return found;
}

function value(section: DeviceSection, ...path: string[]): DecodedValue {
  assert(!(section.state instanceof Uint8Array));
  let found: DecodedValue = section.state;
  for (const name of path) {
    assert(isStruct(found), name);
    const field: DecodedStruct["fields"][number] | undefined = found.fields
      .find((field) => field.name === name);
    assert(field !== undefined, name);
    found = field.value;
  }
  return found;
}

for (const name of STREAMS) {
  Deno.test(`${name} encodes to itself from its values`, async () => {
    const bytes = await data(name);
    const again = encodeStream(decodeStream(bytes));
    assertEquals(again.length, bytes.length);
    assertEquals(again.findIndex((byte, at) => byte !== bytes[at]), -1);
  });

  Deno.test(`${name} is described to its last byte`, async () => {
    const stream = decodeStream(await data(name));
    assertEquals(stream.opaqueTail, undefined);
    assertEquals(stream.trailing.length, 0);
    assertEquals(stream.hasFooters, true);
    const sections = stream.records.filter((record) => record.type === "full");
    assertEquals(
      sections.map(({ name, instanceId, size }) => [name, instanceId, size]),
      stream.vmdesc?.description.devices.map((device) =>
        [device.name, device.instanceId, device.size] as (string | number)[]
      ),
    );
  });

  Deno.test(`${name} has fields that follow one another`, async () => {
    const stream = decodeStream(await data(name));
    for (const section of stream.records) {
      if (section.type !== "full" || !isStruct(section.state)) continue;
      // Type, section id, counted name, instance id, version.
      let at = section.offset + 1 + 4 + 1 + section.name.length + 4 + 4;
      for (const field of section.state.fields) {
        assertEquals(field.offset, at, `${section.name} ${field.name}`);
        at += field.size;
      }
    }
  });
}

Deno.test("the plain machine reads as it ran", async () => {
  const stream = decodeStream(await data("cpr-exec-q35-plain.vm.state"));
  assertEquals(stream.configuration, {
    machine: "pc-q35-11.1",
    capabilities: [],
  });
  const [start, switchover, end] = stream.records;
  assert(start?.type === "start");
  assertEquals(start.offset, 24);
  assertEquals(start.blocks?.map(({ name }) => name), [
    "ram0",
    "/rom@etc/acpi/tables",
    "pc.bios",
    "pc.rom",
    "/rom@etc/table-loader",
    "/rom@etc/acpi/rsdp",
  ]);
  assertEquals(start.blocks?.[0]?.usedLength, 128 << 20);
  assertEquals(start.pages.length, 0);
  assert(switchover?.type === "command");
  assertEquals(switchover.command, 11);
  assert(end?.type === "end");
  assertEquals([end.offset, end.size], [197, 8]);
});

Deno.test("values come by their wire type", async () => {
  const stream = decodeStream(await data("cpr-exec-q35-plain.vm.state"));
  const globalstate = device(stream, "globalstate");
  assertEquals(value(globalstate, "size"), 8);
  const runstate = value(globalstate, "runstate");
  assert(runstate instanceof Uint8Array);
  assertEquals(new TextDecoder().decode(runstate.subarray(0, 7)), "running");
  assertEquals(value(globalstate, "has_vm_was_suspended"), 1);
  const timer = device(stream, "timer");
  assertEquals(typeof value(timer, "cpu_clock_offset"), "bigint");
  const cpu = device(stream, "cpu");
  const registers = value(cpu, "env.regs");
  assert(Array.isArray(registers));
  assertEquals(registers.length, 16);
  assertEquals(typeof registers[0], "bigint");
});

Deno.test("a changed value is encoded, at its place", async () => {
  const bytes = await data("cpr-exec-q35-plain.vm.state");
  const stream = decodeStream(bytes);
  const { state } = device(stream, "globalstate");
  assert(isStruct(state));
  const [size] = state.fields;
  assert(size !== undefined);
  size.value = 7;
  const again = encodeStream(stream);
  assertEquals(again.length, bytes.length);
  assertEquals(
    [...again.entries()].filter(([at, byte]) => byte !== bytes[at]),
    [[size.offset + 3, 7]],
  );
});
