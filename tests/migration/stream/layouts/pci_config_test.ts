import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isStruct } from "../../../../lib/migration/stream/mod.ts";
import { decode, decodeStruct, fieldAt, plain } from "./decoding.ts";

/** The header of a SATA controller, with a list of capabilities from 0x40 on. */
function config(size = 256, ...changes: [at: number, ...bytes: number[]][]) {
  const bytes = new Uint8Array(size);
  bytes.set([0x86, 0x80, 0x22, 0x29, 0x07, 0x05, 0x10, 0x00]);
  bytes.set([0x02, 0x01, 0x06, 0x01], 8);
  bytes.set([0x40], 0x34);
  for (const [at, ...values] of changes) bytes.set(values, at);
  return bytes;
}

function names(bytes: Uint8Array): string[] {
  return decodeStruct("pci config", bytes).fields.map(({ name }) => name)
    .filter((name) => /^(capability|express|at|zero)_/.test(name));
}

Deno.test("the header of a device is read by its fields", () => {
  const bytes = config(
    256,
    [0x10, 0x0c, 0, 0, 0xfd, 1, 0, 0, 0],
    [0x18, 0x01, 0xc0],
  );
  const struct = decodeStruct("pci config", bytes);
  const at = (name: string) => plain(fieldAt(struct, name)?.value);
  assertEquals(at("vendor_id"), 0x8086);
  assertEquals(at("command"), 0x0507);
  assertEquals(at("class"), 0x0106);
  assertEquals(at("bar0"), 0x1_fd00_000c);
  assertEquals(at("bar1"), undefined);
  assertEquals(at("bar2"), 0xc001);
  assertEquals(at("bar5"), 0);
});

Deno.test("the header of a bridge has its buses", () => {
  const bytes = config(256, [0x0e, 1], [0x18, 0, 1, 2], [0x3e, 0x03, 0]);
  const struct = decodeStruct("pci config", bytes);
  assertEquals(fieldAt(struct, "secondary_bus")?.value, 1);
  assertEquals(fieldAt(struct, "bridge_control")?.value, 3);
  assertEquals(fieldAt(struct, "bar2"), undefined);
});

Deno.test("a header of an unknown type is bytes", () => {
  const struct = decodeStruct("pci config", config(256, [0x0e, 2]));
  assertEquals(fieldAt(struct, "header")?.size, 0x30);
});

Deno.test("capabilities have names, whatever their order", () => {
  const bytes = config(
    256,
    [0x40, 0x12, 0x80],
    [0x50, 0x77, 0x00, 1],
    [0x60, 0x05, 0x50, 0x81, 0x01],
    [0x80, 0x11, 0x60, 0x05, 0x80],
  );
  assertEquals(names(bytes), [
    "capability_sata",
    "at_0x48",
    "capability_0x77",
    "at_0x52",
    "capability_msi",
    "at_0x78",
    "capability_msix",
    "at_0x8c",
  ]);
  const struct = decodeStruct("pci config", bytes);
  assertEquals(fieldAt(struct, "capability_msi", "pending")?.size, 4);
  assertEquals(fieldAt(struct, "capability_msix", "control")?.value, 0x8005);
});

Deno.test("a list of capabilities with a loop, or at the end, ends", () => {
  assertEquals(names(config(256, [0x40, 0x05, 0x40])), [
    "capability_msi",
    "at_0x4a",
  ]);
  assertEquals(names(config(256, [0x34, 0xfc], [0xfc, 0x10, 0xfc])), [
    "at_0x40",
    "capability_express",
  ]);
  assertEquals(names(config(256, [0x34, 0x08])), ["at_0x40"]);
  assertEquals(names(config(256, [0x06, 0x00])), ["at_0x40"]);
});

Deno.test("capabilities that overlap end where the next one begins", () => {
  const bytes = config(256, [0x40, 0x10, 0x44], [0x44, 0x11, 0x00]);
  assertEquals(names(bytes), [
    "capability_express",
    "capability_msix",
    "at_0x50",
  ]);
});

Deno.test("capabilities of PCI Express come from 256 on", () => {
  const bytes = config(
    4096,
    [0x40, 0x10, 0x00],
    [0x100, 0x01, 0x00, 0x02, 0x15],
    [0x150, 0x99, 0x00, 0x01, 0x16],
    [0x158, 7],
    [0x160, 0x03, 0x00, 0x01, 0x00, 1, 2, 3],
  );
  assertEquals(names(bytes), [
    "capability_express",
    "at_0x7c",
    "express_advanced_errors",
    "at_0x148",
    "express_0x99",
    "express_serial_number",
    "zero_bytes",
  ]);
  const struct = decodeStruct("pci config", bytes);
  assertEquals(fieldAt(struct, "express_0x99", "data")?.size, 12);
  assertEquals(
    plain(fieldAt(struct, "express_serial_number", "serial_number")?.value),
    0x030201,
  );
});

Deno.test("configuration space has one of two sizes", () => {
  for (const size of [0, 64, 255, 257, 4095]) {
    const { value, reason } = decode("pci config", new Uint8Array(size));
    assertEquals(isStruct(value), false);
    assertEquals(reason, "its size is unusual");
  }
});

Deno.test("any configuration space is read, and encodes to itself", () => {
  const bytes = (size: number) =>
    fc.uint8Array({ minLength: size, maxLength: size });
  fc.assert(
    fc.property(fc.oneof(bytes(256), bytes(4096)), (config) => {
      decodeStruct("pci config", config);
    }),
    { numRuns: 300 },
  );
});
