import { assertEquals, assertThrows } from "@std/assert";
import { StreamWriter } from "../../../lib/migration/stream/mod.ts";
import { Sink } from "../../../lib/stream/mod.ts";
import { VmstateError } from "../../../lib/vmstate/mod.ts";
import {
  clock,
  clockState,
  indexOf,
  PARTS,
  uart,
  uartState,
  written,
} from "../../../testing/streams/machine.ts";

function ascii(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

function be32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
}

function be64(value: number): number[] {
  return [...be32(0), ...be32(value)];
}

function bytesOf(write: (writer: StreamWriter) => void): number[] {
  const writer = new StreamWriter();
  write(writer);
  return [...writer.sink.toBytes()];
}

Deno.test("the header is the magic and version 3", () => {
  assertEquals(bytesOf(PARTS.header), [...ascii("QEVM"), 0, 0, 0, 3]);
});

Deno.test("the configuration has no version, id or footer", () => {
  assertEquals(bytesOf((w) => w.configuration({ machine: "virt" })), [
    7,
    ...be32(4),
    ...ascii("virt"),
  ]);
});

Deno.test("subsections of the configuration come in QEMU's order", () => {
  const bytes = bytesOf((w) =>
    w.configuration({
      machine: "v",
      uuid: new Uint8Array(16).fill(0xab),
      capabilities: ["x-ignore-shared"],
      targetPageBits: 12,
    })
  );
  assertEquals(bytes, [
    ...[7, ...be32(1), ...ascii("v")],
    ...[5, 30, ...ascii("configuration/target-page-bits"), ...be32(1)],
    ...be32(12),
    ...[5, 26, ...ascii("configuration/capabilities"), ...be32(1)],
    ...[...be32(1), 15, ...ascii("x-ignore-shared")],
    ...[5, 18, ...ascii("configuration/uuid"), ...be32(1)],
    ...new Array<number>(16).fill(0xab),
  ]);
});

Deno.test("START of ram lists the blocks after their total", () => {
  assertEquals(bytesOf(PARTS.ramSetup), [
    ...[1, ...be32(1), 3, ...ascii("ram"), ...be32(0), ...be32(4)],
    ...be64(0x5004),
    ...[4, ...ascii("ram0"), ...be64(0x4000)],
    ...[8, ...ascii("boot.rom"), ...be64(0x1000)],
    ...be64(0x10),
    ...[0x7e, ...be32(1)],
  ]);
});

Deno.test("END of ram has nothing but EOS", () => {
  const bytes = bytesOf((w) => {
    PARTS.ramSetup(w);
    w.sink.drain();
    w.ramEnd();
  });
  assertEquals(bytes, [3, ...be32(1), ...be64(0x10), 0x7e, ...be32(1)]);
});

Deno.test("pages go in a PART, zero ones as one byte, names said once", () => {
  const full = new Uint8Array(4096).fill(0x5a);
  const bytes = bytesOf((w) => {
    PARTS.ramSetup(w);
    w.sink.drain();
    w.page("ram0", 0, full);
    w.page("ram0", 0x1000, new Uint8Array(4096));
    w.page("boot.rom", 0, new Uint8Array(4099).subarray(3));
    PARTS.switchover(w);
  });
  assertEquals(bytes, [
    ...[2, ...be32(1)],
    ...[...be64(0x8), 4, ...ascii("ram0"), ...full],
    ...[...be64(0x1022), 0],
    ...[...be64(0x2), 8, ...ascii("boot.rom"), 0],
    ...[...be64(0x10), 0x7e, ...be32(1)],
    ...[8, 0, 11, 0, 0],
  ]);
});

Deno.test("a page with its last byte set is not a page of zeros", () => {
  for (const odd of [0, 3]) {
    const page = new Uint8Array(4096 + odd).subarray(odd);
    page[4095] = 1;
    const bytes = bytesOf((w) => {
      PARTS.ramSetup(w);
      w.sink.drain();
      w.page("ram0", 0, page);
      w.ramEnd();
    });
    assertEquals(bytes[12], 8);
  }
});

Deno.test("what is not a page is refused", () => {
  const writer = new StreamWriter();
  PARTS.ramSetup(writer);
  assertThrows(
    () => writer.page("ram0", 0, new Uint8Array(4095)),
    RangeError,
  );
  assertThrows(
    () => writer.page("ram0", 1, new Uint8Array(4096)),
    RangeError,
  );
});

Deno.test("a device is a FULL section with a footer", () => {
  assertEquals(bytesOf(PARTS.clock), [
    ...[4, ...be32(2), 18, ...ascii("0000:00:01.0/clock")],
    ...[...be32(4), ...be32(1)],
    ...[...be64(1), ...new Array<number>(8).fill(0xff)],
    ...[0x7e, ...be32(2)],
  ]);
});

Deno.test("a value that does not fit names section, instance and field", () => {
  const error = assertThrows(
    () =>
      new StreamWriter().deviceFull({
        sectionId: 9,
        idstr: "isa/uart",
        instanceId: 5,
        state: uartState,
        value: { ...uart, ier: 256 },
      }),
    VmstateError,
    "Cannot save",
  );
  assertEquals(error.location.section, "isa/uart");
  assertEquals(error.location.instance, 5);
  assertEquals(error.location.field, "ier");
});

Deno.test("the description is spelled as QEMU spells it", () => {
  const bytes = written({
    uart: (w) =>
      w.deviceFull({
        sectionId: 3,
        idstr: "naïve\n",
        instanceId: 0,
        state: clockState,
        value: clock,
      }),
    clock: () => {},
  });
  const at = indexOf(bytes, Uint8Array.of(0x7e, 0, 0, 0, 3, 0, 6)) + 7;
  const text = new TextDecoder().decode(bytes.subarray(at + 4));
  assertEquals([...bytes.subarray(at, at + 4)], be32(text.length));
  assertEquals(
    text,
    '{"configuration": {"vmsd_name": "configuration", "version": 1, ' +
      '"fields": [{"name": "len", "type": "uint32", "size": 4}, ' +
      '{"name": "name", "type": "buffer", "size": 8}]}, "page_size": 4096, ' +
      '"devices": [{"name": "na\\u00efve\\n", "instance_id": 0, ' +
      '"vmsd_name": "clock", "version": 1, "fields": [{"name": "alarms", ' +
      '"array_len": 2, "type": "timer", "size": 8}]}]}',
  );
});

Deno.test("with mapped-ram bitmap and pages are where QEMU puts them", () => {
  const sink = new Sink();
  // Up to the record of pc.ram in a file of QEMU 11.1.
  sink.zeros(74);
  const writer = new StreamWriter(sink);
  const blocks = [
    { name: "pc.ram", usedLength: 0x80_0000 },
    { name: "/rom@etc/acpi/tables", usedLength: 0x2_0000 },
  ];
  const places: [number, number][] = [];
  for (
    const { mapped, length } of writer.ramSetupMapped(blocks, 2, 0, () => true)
  ) {
    places.push([mapped.bitmapOffset, mapped.pagesOffset]);
    sink.drain();
    sink.skip(length);
  }
  assertEquals(places, [[142, 0x10_0000], [9_437_241, 10_485_760]]);
});
