import { assertEquals } from "@std/assert";
import {
  Plic,
  PLIC_REGISTER,
  type PlicState,
  plicState,
} from "../../../lib/machine/devices/mod.ts";
import { assertRefused, throughStream } from "./round_trip.ts";

const { priority, pending, enabled, threshold, claim } = PLIC_REGISTER;

/** A PLIC with all sources enabled, at these priorities. */
function plic(...priorities: readonly number[]): Plic {
  const device = new Plic();
  device.write(enabled, 4, 0xfe);
  for (const [index, value] of priorities.entries()) {
    device.write(priority + 4 * (index + 1), 4, value);
  }
  return device;
}

Deno.test("plic: claims by priority, then by number", () => {
  const device = plic(1, 3, 3);
  device.raise(0b1110);
  assertEquals([1, 2, 3, 4].map(() => device.read(claim, 4)), [2, 3, 1, 0]);
});

Deno.test("plic: the threshold, 0 priority and enable hold sources back", () => {
  const device = plic(1, 0, 2);
  device.raise(0b1110);
  device.write(threshold, 4, 2);
  assertEquals(device.interrupt, false);
  device.write(threshold, 4, 1);
  assertEquals(device.interrupt, true);
  device.write(enabled, 4, 0b0110);
  assertEquals(device.interrupt, false);
  device.write(threshold, 4, 0);
  assertEquals([device.read(claim, 4), device.read(claim, 4)], [1, 0]);
  assertEquals(device.read(pending, 4), 0b1100);
});

Deno.test("plic: a source in service is not pending again before complete", () => {
  const device = plic(1);
  device.raise(0b10);
  assertEquals(device.read(claim, 4), 1);
  device.raise(0b10);
  assertEquals([device.interrupt, device.read(pending, 4)], [false, 0]);
  device.write(claim, 4, 1);
  assertEquals(device.interrupt, false);
  device.raise(0b10);
  assertEquals(device.interrupt, true);
});

Deno.test("plic: a line that falls before the claim stays pending", () => {
  const device = plic(1);
  device.raise(0b10);
  device.raise(0);
  assertEquals(device.interrupt, true);
});

Deno.test("plic: registers keep the bits that they have", () => {
  const device = plic(0xff);
  device.write(priority, 4, 7);
  device.write(priority + 4 * 8, 4, 7);
  device.write(enabled, 4, -1);
  device.write(threshold, 4, 0xff);
  device.write(pending, 4, 0xff);
  device.write(claim, 4, 99);
  device.raise(-1);
  assertEquals(device.snapshot(), {
    priority: [0, 7, 0, 0, 0, 0, 0, 0],
    pending: 0xfe,
    inService: 0,
    enabled: 0xfe,
    threshold: 7,
  });
  assertEquals(
    [priority + 4, priority + 4 * 8, enabled, threshold]
      .map((register) => device.read(register, 4)),
    [7, 0, 0xfe, 7],
  );
});

Deno.test("plic: words only", () => {
  const device = plic();
  assertEquals(device.read(claim, 1), undefined);
  assertEquals(device.write(claim, 2, 0), false);
});

Deno.test("plic: moves between claim and complete", () => {
  const device = plic(1, 2);
  device.raise(0b110);
  device.read(claim, 4);
  const other = new Plic();
  other.restore(throughStream(plicState, device.snapshot()));
  other.raise(0b110);
  assertEquals([other.read(claim, 4), other.read(claim, 4)], [1, 0]);
  other.write(claim, 4, 2);
  other.raise(0b100);
  assertEquals(other.read(claim, 4), 2);
  other.reset();
  assertEquals(other.snapshot(), new Plic().snapshot());
});

const IMPOSSIBLE: readonly [string, Partial<PlicState>][] = [
  ["priority[0]", { priority: [1, 0, 0, 0, 0, 0, 0, 0] }],
  ["priority[3]", { priority: [0, 0, 0, 8, 0, 0, 0, 0] }],
  ["pending", { pending: 1 }],
  ["pending", { pending: 0x100 }],
  ["pending", { pending: 6, inService: 2 }],
  ["inService", { inService: 1 }],
  ["enabled", { enabled: 0x8000_0000 }],
  ["threshold", { threshold: 8 }],
];

for (const [index, [field, change]] of IMPOSSIBLE.entries()) {
  Deno.test(`plic: impossible state ${index} is refused for ${field}`, () => {
    assertRefused(plicState, { ...plic(1).snapshot(), ...change }, field);
  });
}
