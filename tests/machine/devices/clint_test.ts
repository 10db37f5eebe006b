import { assert, assertEquals } from "@std/assert";
import {
  Clint,
  CLINT_REGISTER,
  clintState,
} from "../../../lib/machine/devices/mod.ts";
import { assertRefused, TestClock, throughStream } from "./round_trip.ts";

const { msip, mtimecmp, mtimecmpHigh, mtime, mtimeHigh } = CLINT_REGISTER;

function clint(): { clint: Clint; clock: TestClock } {
  const clock = new TestClock();
  return { clint: new Clint(clock.read), clock };
}

/** A CLINT whose timer interrupt comes at 100 us. */
function armed(): { clint: Clint; clock: TestClock } {
  const made = clint();
  made.clint.write(mtimecmp, 4, 1000);
  made.clint.write(mtimecmpHigh, 4, 0);
  return made;
}

Deno.test("clint: mtime is guest time in ticks of 100 ns", () => {
  const { clint: device, clock } = clint();
  clock.now = 0x1_2345_6789n * 100n + 99n;
  assertEquals(device.mtime, 0x1_2345_6789n);
  assertEquals(device.read(mtime, 4), 0x2345_6789);
  assertEquals(device.read(mtimeHigh, 4), 1);
});

Deno.test("clint: the timer interrupt is there from mtimecmp on", () => {
  const { clint: device, clock } = armed();
  assertEquals(device.nextDeadline(), 100_000n);
  clock.now = 99_999n;
  assertEquals(device.timerInterrupt, false);
  clock.now = 100_000n;
  assertEquals([device.timerInterrupt, device.nextDeadline()], [true, null]);
  device.write(mtimecmp, 4, 2000);
  assertEquals([device.timerInterrupt, device.nextDeadline()], [
    false,
    200_000n,
  ]);
});

Deno.test("clint: after reset no timer interrupt comes in 58000 years", () => {
  const { clint: device } = clint();
  assertEquals(device.nextDeadline(), null);
  assertEquals(device.read(mtimecmp, 4), 0xffff_ffff);
  assertEquals(device.read(mtimecmpHigh, 4), 0xffff_ffff);
});

Deno.test("clint: mtime can be set, and runs on from there", () => {
  const { clint: device, clock } = armed();
  clock.now = 50_000n;
  device.write(mtimeHigh, 4, 0);
  device.write(mtime, 4, 900);
  assertEquals(device.nextDeadline(), 60_000n);
  clock.now = 59_999n;
  assertEquals([device.mtime, device.timerInterrupt], [999n, false]);
  clock.now = 60_000n;
  assertEquals([device.mtime, device.timerInterrupt], [1000n, true]);
  device.write(mtimeHigh, 4, 0xffff_ffff);
  assertEquals(device.mtime, 0xffff_ffff_0000_03e8n);
  throughStream(clintState, device.snapshot());
});

Deno.test("clint: the software interrupt is one bit", () => {
  const { clint: device } = clint();
  device.write(msip, 4, 0xffff_ffff);
  assertEquals([device.softwareInterrupt, device.read(msip, 4)], [true, 1]);
  device.write(msip, 4, 2);
  assertEquals([device.softwareInterrupt, device.read(msip, 4)], [false, 0]);
});

Deno.test("clint: words only; other offsets read as 0", () => {
  const { clint: device } = clint();
  assertEquals(device.read(mtime, 1), undefined);
  assertEquals(device.write(mtime, 2, 0), false);
  assertEquals(device.read(0x8000, 4), 0);
  assert(device.write(0x8000, 4, 5));
});

Deno.test("clint: a moved timer fires at the same guest time", () => {
  const { clint: device, clock } = armed();
  clock.now = 70_000n;
  device.write(mtime, 4, 800);
  const value = throughStream(clintState, device.snapshot());
  assertEquals(value, {
    msip: false,
    mtimecmp: 1000n,
    timeBase: 100n,
    deadline: 90_000n,
  });
  const other = clint();
  other.clint.restore(value);
  other.clock.now = 89_999n;
  assertEquals(other.clint.timerInterrupt, false);
  other.clock.now = 90_000n;
  assertEquals(other.clint.timerInterrupt, true);
  assertEquals(other.clint.snapshot().deadline, null);
  throughStream(clintState, other.clint.snapshot());
});

Deno.test("clint: a deadline that mtimecmp does not say is refused", () => {
  const { clint: device } = armed();
  const value = device.snapshot();
  assertRefused(clintState, { ...value, deadline: 100_001n }, "deadline");
  assertRefused(clintState, { ...value, mtimecmp: 1001n }, "deadline");
  assertRefused(clintState, { ...value, timeBase: 1n }, "deadline");
});

Deno.test("clint: reset puts everything back", () => {
  const { clint: device } = armed();
  device.write(msip, 4, 1);
  device.write(mtime, 4, 1);
  device.reset();
  assertEquals(device.snapshot(), clint().clint.snapshot());
});
