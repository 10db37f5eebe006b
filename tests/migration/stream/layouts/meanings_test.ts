import { assertEquals } from "@std/assert";
import { meaningOf } from "../../../../lib/migration/stream/mod.ts";

const flags = (type: string, value: number | bigint) => {
  const meaning = meaningOf(type, value);
  return meaning?.kind === "flags" ? meaning.names : meaning;
};

Deno.test("features are those of the device, and of every device", () => {
  const value = 1n << 0n | 1n << 28n | 1n << 32n | 1n << 57n | 1n << 45n;
  assertEquals(flags("uint64:virtio net features", value), [
    "CSUM",
    "INDIRECT_DESC",
    "VERSION_1",
    "bit 45",
    "HASH_REPORT",
  ]);
  assertEquals(flags("uint64:virtio blk features", value), [
    "BARRIER",
    "INDIRECT_DESC",
    "VERSION_1",
    "bit 45",
    "bit 57",
  ]);
  assertEquals(flags("uint32:virtio any features", 1), ["bit 0"]);
});

Deno.test("bits that are a number are no flags", () => {
  assertEquals(flags("le16:msix control", 0x8003), ["enabled"]);
  assertEquals(flags("le16:msi control", 0x8b), ["enabled", "64-bit"]);
});

Deno.test("values have names, or are hex", () => {
  const name = (type: string, value: number | bigint) => {
    const meaning = meaningOf(type, value);
    return meaning?.kind === "name" ? meaning.name : meaning?.kind;
  };
  assertEquals(name("le16:pci vendor", 0x8086), "Intel");
  assertEquals(name("le16:pci vendor", 0x1), "hex");
  assertEquals(name("le16:pci class", 0x0200), "Ethernet");
  assertEquals(name("uint8:pci header", 0x81), "bridge, several functions");
  assertEquals(name("uint8:pci header", 5), "hex");
  assertEquals(name("le32:pci bar", 0), "hex");
  assertEquals(name("le32:pci bar", 0xc001), "I/O");
  assertEquals(
    name("le64:pci bar", 0xfd00_000cn),
    "memory, 64-bit, " +
      "prefetchable",
  );
  assertEquals(name("uint16:virtio vector", 0xffff), "none");
  assertEquals(name("uint64:hex", 1n), "hex");
  assertEquals(name("uint32", 1), undefined);
});
