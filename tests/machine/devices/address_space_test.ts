import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AddressSpace,
  Finisher,
  MemoryWindow,
} from "../../../lib/machine/devices/mod.ts";

function window(size: number): { bytes: Uint8Array; device: MemoryWindow } {
  const bytes = new Uint8Array(size);
  return { bytes, device: new MemoryWindow(bytes) };
}

Deno.test("address space: an access goes to its device, as an offset", () => {
  const space = new AddressSpace();
  const low = window(16);
  const high = window(16);
  space.attach({ base: 0x1000, size: 16 }, low.device);
  space.attach({ base: 0x1010, size: 16 }, high.device);
  assert(space.store(0x100c, 4, 0x0403_0201));
  assert(space.store(0x1010, 2, 0x0605));
  assertEquals([...low.bytes.subarray(12)], [1, 2, 3, 4]);
  assertEquals([...high.bytes.subarray(0, 3)], [5, 6, 0]);
  assertEquals(space.load(0x100e, 1), 3);
  assertEquals(space.load(0x100e, 2), 0x0403);
});

Deno.test("address space: nothing answers beside and across", () => {
  const space = new AddressSpace();
  space.attach({ base: 0x1000, size: 6 }, window(6).device);
  for (const address of [0x0ffc, 0x1004, 0x1008]) {
    assertEquals(space.load(address, 4), undefined);
    assertEquals(space.store(address, 4, 0), false);
  }
});

Deno.test("address space: ranges cannot overlap, or reach into RAM", () => {
  const space = new AddressSpace();
  const { device } = window(16);
  space.attach({ base: 0x1000, size: 16 }, device);
  for (
    const region of [
      { base: 0x100f, size: 16 },
      { base: 0x0ff8, size: 16 },
      { base: 0x0f00, size: 0x400 },
      { base: 0x7fff_fff8, size: 16 },
      { base: 0x2000, size: 0 },
    ]
  ) assertThrows(() => space.attach(region, device), RangeError, "not free");
});

Deno.test("memory window: bytes, halves and words, little-endian", () => {
  const bytes = Uint8Array.of(9, 0xff, 0xfe, 0xfd, 0xfc, 9);
  const dirty = new Uint8Array(1);
  const device = new MemoryWindow(bytes.subarray(1, 5), dirty);
  assertEquals(
    [device.read(0, 1), device.read(2, 2), device.read(0, 4)],
    [0xff, 0xfcfd, 0xfcfd_feff | 0],
  );
  assertEquals(dirty[0], 0);
  device.write(1, 1, 0x101);
  assertEquals(dirty[0], 1);
  device.write(2, 2, 0x2_0302);
  assertEquals([...bytes], [9, 0xff, 1, 2, 3, 9]);
  device.write(0, 4, 0x0403_0201);
  assertEquals([...bytes], [9, 1, 2, 3, 4, 9]);
});

Deno.test("finisher: poweroff and reset, taken once", () => {
  const finisher = new Finisher();
  finisher.write(0, 4, 0x1234);
  finisher.write(4, 4, 0x5555);
  assertEquals(finisher.request, undefined);
  finisher.write(0, 4, 0x5555);
  assertEquals(finisher.request, "poweroff");
  assertEquals([finisher.take(), finisher.take()], ["poweroff", undefined]);
  finisher.write(0, 2, 0x7777);
  assertEquals(finisher.take(), "reset");
  assertEquals(finisher.read(), 0);
});
