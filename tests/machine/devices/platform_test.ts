import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import {
  type HartState,
  INTERRUPT,
  RAM_BASE,
} from "../../../lib/machine/cpu/mod.ts";
import {
  AUX_RAM,
  CLINT,
  CLINT_REGISTER,
  DIGEST,
  DIGEST_REGISTER,
  DIGEST_SOURCE,
  FINISHER,
  Platform,
  PLIC,
  PLIC_REGISTER,
  UART,
  UART_REGISTER,
  UART_SOURCE,
} from "../../../lib/machine/devices/mod.ts";
import { guestProgram } from "../../../lib/machine/guest/mod.ts";
import { Sink, Source } from "../../../lib/stream/mod.ts";
import {
  loadState,
  saveState,
  type VmState,
  VmstateError,
} from "../../../lib/vmstate/mod.ts";
import { assembled } from "../assembled.ts";
import { GuestMachine } from "../guest/guest_machine.ts";
import { GUEST_RAM } from "../guest/layout.ts";
import { register } from "../registers.ts";
import { TestClock } from "./round_trip.ts";

class TestPlatform {
  readonly clock = new TestClock();
  readonly sent: number[] = [];
  readonly ram = new Uint8Array(8192);
  readonly auxRam = new Uint8Array(AUX_RAM.size);
  readonly platform = new Platform({
    ram: this.ram,
    auxRam: this.auxRam,
    clock: this.clock.read,
    serial: (byte) => this.sent.push(byte),
  });

  constructor(program: string) {
    this.ram.set(assembled(program));
  }

  x(name: string): number {
    const state = this.platform.devices()[0]?.save() as HartState;
    return state.x[register(name)] ?? NaN;
  }
}

/** Stores a word (or, with "sb", a byte) at a physical address. */
function store(
  address: number,
  value: number,
  width: "sw" | "sb" = "sw",
): string {
  return `
    li t0, ${address}
    li t1, ${value}
    ${width} t1, 0(t0)
  `;
}

Deno.test("platform: every device answers at its place", () => {
  const machine = new TestPlatform(`
    ${store(UART.base + UART_REGISTER.data, 0x41, "sb")}
    ${store(AUX_RAM.base + 8, 0x1234_5678)}
    li t0, ${CLINT.base + CLINT_REGISTER.mtime}
    lw a0, 0(t0)
    csrr a1, time
    ${store(PLIC.base + PLIC_REGISTER.enabled, 0xff)}
    lw a2, 0(t0)
    ${store(DIGEST.base + DIGEST_REGISTER.address, 4)}
    lw zero, 0(t0)
    ${store(FINISHER.base, 0x7777)}
  `);
  machine.clock.now = 12_345n;
  assertEquals(machine.platform.run(1000).reason, "halt");
  assertEquals(machine.sent, [0x41]);
  assertEquals(
    new DataView(machine.auxRam.buffer).getUint32(8, true),
    0x1234_5678,
  );
  assertEquals([machine.x("a0"), machine.x("a1"), machine.x("a2")], [
    123,
    123,
    0xfe,
  ]);
  assertEquals(machine.platform.takeStopRequest(), "reset");
  assertEquals(machine.platform.takeStopRequest(), undefined);
});

/** A program that enables one interrupt, waits for it, and reads mip. */
function awaiting(line: number, ...prepare: readonly string[]): TestPlatform {
  const machine = new TestPlatform(`
    ${prepare.join("")}
    li t0, ${line}
    csrw mie, t0
    wfi
    csrr a0, mip
    li t0, ${PLIC.base + PLIC_REGISTER.claim}
    lw a1, 0(t0)
  `);
  assertEquals(machine.platform.run(100).reason, "wfi");
  assert(machine.platform.waiting);
  return machine;
}

function enableSource(source: number): string {
  return store(PLIC.base + PLIC_REGISTER.priority + 4 * source, 1) +
    store(PLIC.base + PLIC_REGISTER.enabled, 1 << source);
}

Deno.test("platform: the timer wakes the hart at its deadline", () => {
  const machine = awaiting(
    INTERRUPT.timer,
    store(CLINT.base + CLINT_REGISTER.mtimecmp, 1000),
    store(CLINT.base + CLINT_REGISTER.mtimecmpHigh, 0),
  );
  assertEquals(machine.platform.nextDeadline(), 100_000n);
  machine.clock.now = 99_999n;
  assert(machine.platform.waiting);
  machine.clock.now = 100_000n;
  assertEquals(machine.platform.waiting, false);
  machine.platform.run(2);
  assertEquals(machine.x("a0"), INTERRUPT.timer);
  assertEquals(machine.platform.nextDeadline(), null);
});

Deno.test("platform: a character wakes the hart through the PLIC", () => {
  const machine = awaiting(
    INTERRUPT.external,
    store(UART.base + UART_REGISTER.ier, 1, "sb"),
    enableSource(UART_SOURCE),
  );
  assertEquals(machine.platform.nextDeadline(), null);
  machine.platform.receive(65);
  assertEquals(machine.platform.waiting, false);
  machine.platform.run(5);
  assertEquals([machine.x("a0"), machine.x("a1")], [
    INTERRUPT.external,
    UART_SOURCE,
  ]);
});

Deno.test("platform: the digest engine wakes the hart through the PLIC", () => {
  const machine = awaiting(
    INTERRUPT.external,
    enableSource(DIGEST_SOURCE),
    store(DIGEST.base + DIGEST_REGISTER.address, RAM_BASE),
    store(DIGEST.base + DIGEST_REGISTER.length, 400),
    store(DIGEST.base + DIGEST_REGISTER.result, RAM_BASE + 0x1000),
    store(DIGEST.base + DIGEST_REGISTER.submit, 0),
  );
  assertEquals(machine.platform.nextDeadline(), 100_000n);
  machine.clock.now = 100_000n;
  machine.platform.run(5);
  assertEquals(machine.x("a1"), DIGEST_SOURCE);
});

Deno.test("platform: the software interrupt comes from the CLINT", () => {
  const machine = new TestPlatform(`
    ${store(CLINT.base, 1)}
    csrr a0, mip
  `);
  machine.platform.run(4);
  assertEquals(machine.x("a0"), INTERRUPT.software);
});

Deno.test("platform: the earliest deadline counts", () => {
  const machine = new TestPlatform(`
    ${store(CLINT.base + CLINT_REGISTER.mtimecmp, 10_000)}
    ${store(CLINT.base + CLINT_REGISTER.mtimecmpHigh, 0)}
    ${store(UART.base + UART_REGISTER.iirFcr, 0x81, "sb")}
  `);
  machine.platform.run(12);
  assertEquals(machine.platform.nextDeadline(), 1_000_000n);
  machine.platform.receive(1);
  assertEquals(machine.platform.nextDeadline(), 347_222n);
});

Deno.test("platform: no wake-up is lost to a clock that runs on", () => {
  // Every look at the clock takes its time, so deadlines fall due anywhere.
  for (let step = 1n; step < 2000n; step += 37n) {
    let now = 0n;
    const ram = new Uint8Array(GUEST_RAM);
    ram.set(guestProgram());
    const platform = new Platform({
      ram,
      auxRam: new Uint8Array(AUX_RAM.size),
      clock: () => now += step,
      serial: () => {},
    });
    for (let slice = 0; slice < 100; slice++) {
      platform.run(10_000);
      const next = platform.nextRun();
      assert(next !== null, `step ${step}, slice ${slice}`);
      // A host's timer is early or late.
      if (next > now) now = next - 3n * step;
    }
  }
});

Deno.test("platform: a guest that waits for input has no next run", () => {
  const machine = awaiting(
    INTERRUPT.external,
    store(UART.base + UART_REGISTER.ier, 1, "sb"),
    enableSource(UART_SOURCE),
  );
  assertEquals(machine.platform.nextRun(), null);
  machine.platform.receive(65);
  assertEquals(machine.platform.nextRun(), 0n);
});

Deno.test("platform: reset leaves nothing behind but memory", () => {
  const machine = GuestMachine.start();
  machine.runTicks(5);
  machine.platform.reset();
  machine.now = 0n;
  assertEquals(machine.save(), GuestMachine.start().save());
  assertEquals(machine.status("error"), 0);
  assert(machine.status("ticks") > 0);
});

Deno.test("platform: auxiliary RAM of another size is refused", () => {
  assertThrows(
    () =>
      new Platform({
        ram: new Uint8Array(4096),
        auxRam: new Uint8Array(4095),
        clock: () => 0n,
        serial: () => {},
      }),
    RangeError,
    "4096 bytes",
  );
});

Deno.test("platform: sections have names of their own", () => {
  const { platform } = new TestPlatform("nop");
  const names = platform.devices().map(({ idstr }) => idstr);
  assertEquals(names, ["cpu", "clint", "plic", "uart", "digest"]);
  for (const { idstr, state, instanceId } of platform.devices()) {
    assertEquals([state.name, instanceId], [idstr, 0]);
  }
});

/** A machine with as much in flight as its guest ever has. */
function eventful(): GuestMachine {
  const machine = GuestMachine.start();
  machine.runTicks(3);
  for (const byte of [1, 2, 3]) machine.platform.receive(byte);
  machine.platform.run(10);
  return machine;
}

Deno.test("platform: any flipped bit is refused, or is another state that runs", () => {
  const machine = eventful();
  const states = machine.save();
  for (const [index, device] of machine.platform.devices().entries()) {
    const bytes = states[index] ?? new Uint8Array();
    let refused = 0;
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ 1 << (bit & 7);
      machine.load(states);
      const source = new Source(flipped);
      const value = loaded(device.state, source);
      if (value === undefined) {
        refused++;
        continue;
      }
      // Bytes left over are for the section's footer to notice.
      if (source.remaining > 0) continue;
      const sink = new Sink();
      saveState(device.state, value, sink);
      assertEquals(sink.toBytes(), flipped, `${device.idstr} bit ${bit}`);
      device.load(value);
      machine.platform.run(50);
    }
    assertGreater(refused, 0, device.idstr);
  }
});

/** The value, or undefined when it was refused. */
function loaded(state: VmState<object>, source: Source): object | undefined {
  try {
    return loadState(state, source);
  } catch (error) {
    if (error instanceof VmstateError) return undefined;
    throw error;
  }
}

Deno.test("platform: a state cut short anywhere is refused", () => {
  const machine = eventful();
  for (const [index, bytes] of machine.save().entries()) {
    const device = machine.platform.devices()[index];
    assert(device !== undefined);
    for (let length = 0; length < bytes.length; length++) {
      const load = () =>
        loadState(device.state, new Source(bytes.subarray(0, length)));
      // Without its subsection the UART's state is whole, but not possible.
      assertThrows(load, VmstateError, device.idstr);
    }
  }
});
