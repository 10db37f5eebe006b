import { assert, assertEquals } from "@std/assert";
import {
  Uart,
  UART_REGISTER,
  type UartState,
  uartState,
} from "../../../lib/machine/devices/mod.ts";
import { assertRefused, TestClock, throughStream } from "./round_trip.ts";

const { data, ier, iirFcr, lcr, mcr, lsr, msr, scr } = UART_REGISTER;

/** Four character times at 115200 baud. */
const TIMEOUT = 347_222n;

class TestUart {
  readonly clock = new TestClock();
  readonly sent: number[] = [];
  readonly uart = new Uart(this.clock.read, (byte) => this.sent.push(byte));

  /** Sets a register. */
  set(register: number, value: number): void {
    assert(this.uart.write(register, 1, value));
  }

  get(register: number): number | undefined {
    return this.uart.read(register, 1);
  }

  receive(...bytes: readonly number[]): boolean[] {
    return bytes.map((byte) => this.uart.receive(byte));
  }
}

function fifo(trigger = 0x40): TestUart {
  const uart = new TestUart();
  uart.set(iirFcr, 0x01 | trigger);
  uart.set(ier, 1);
  return uart;
}

Deno.test("uart: sends at once, and is always ready to", () => {
  const uart = new TestUart();
  assertEquals(uart.get(lsr), 0x60);
  for (const byte of [65, 66, 0x1ff]) uart.set(data, byte);
  assertEquals(uart.sent, [65, 66, 0xff]);
  assertEquals(uart.get(lsr), 0x60);
});

Deno.test("uart: the divisor latch lies over two registers", () => {
  const uart = new TestUart();
  uart.set(ier, 0x05);
  uart.set(lcr, 0x83);
  uart.set(data, 0x34);
  uart.set(ier, 0x12);
  assertEquals([uart.get(data), uart.get(ier)], [0x34, 0x12]);
  assertEquals(uart.uart.snapshot().divisor, 0x1234);
  uart.set(lcr, 0x03);
  assertEquals([uart.get(ier), uart.get(lcr)], [0x05, 0x03]);
  assertEquals(uart.sent, []);
});

Deno.test("uart: registers keep the bits that they have", () => {
  const uart = new TestUart();
  for (const register of [ier, mcr, scr, lcr]) uart.set(register, 0xff);
  assertEquals([uart.get(mcr), uart.get(scr), uart.get(lcr)], [
    0x1f,
    0xff,
    0xff,
  ]);
  assertEquals(uart.uart.snapshot().ier, 0x0f);
});

Deno.test("uart: only bytes can be read and written", () => {
  const { uart } = new TestUart();
  for (const width of [2, 4] as const) {
    assertEquals(uart.read(0, width), undefined);
    assertEquals(uart.write(0, width, 0), false);
  }
});

Deno.test("uart: without a FIFO it holds one character", () => {
  const uart = new TestUart();
  uart.set(ier, 0x05);
  assertEquals(uart.uart.room, 1);
  assertEquals(uart.receive(1, 2), [true, false]);
  assertEquals(uart.get(iirFcr), 0x06); // line status first
  assertEquals(uart.get(lsr), 0x63);
  assertEquals(uart.get(lsr), 0x61); // overrun was read
  assertEquals(uart.get(iirFcr), 0x04);
  assertEquals(uart.get(data), 1);
  assertEquals([uart.get(data), uart.get(lsr)], [0, 0x60]);
  assertEquals(uart.get(iirFcr), 0x01);
  assertEquals(uart.uart.nextDeadline(), null);
});

Deno.test("uart: the FIFO holds sixteen, in order", () => {
  const uart = fifo();
  const bytes = Array.from({ length: 17 }, (_, index) => 100 + index);
  assertEquals(uart.receive(...bytes).filter((taken) => taken).length, 16);
  assertEquals(uart.uart.room, 0);
  assertEquals(
    bytes.slice(0, 16).map(() => uart.get(data)),
    bytes.slice(0, 16),
  );
  assertEquals(uart.get(lsr), 0x62);
});

Deno.test("uart: interrupts at the trigger level", () => {
  for (const [bits, level] of [[0x00, 1], [0x40, 4], [0x80, 8], [0xc0, 14]]) {
    const uart = fifo(bits);
    for (let count = 1; count <= 16; count++) {
      uart.receive(count);
      assertEquals(uart.uart.interrupt, count >= (level ?? 0));
    }
    assertEquals(uart.get(iirFcr), 0xc4);
  }
});

Deno.test("uart: fewer characters interrupt after four character times", () => {
  const uart = fifo();
  uart.receive(1, 2);
  assertEquals(uart.uart.nextDeadline(), TIMEOUT);
  uart.clock.now = TIMEOUT - 1n;
  assertEquals([uart.uart.interrupt, uart.get(iirFcr)], [false, 0xc1]);
  uart.clock.now = TIMEOUT;
  assertEquals([uart.uart.interrupt, uart.get(iirFcr)], [true, 0xcc]);
  assertEquals(uart.uart.nextDeadline(), null);
  assertEquals(uart.get(data), 1); // a read starts it anew
  assertEquals(uart.uart.interrupt, false);
  assertEquals(uart.uart.nextDeadline(), 2n * TIMEOUT);
  assertEquals(uart.get(data), 2);
  assertEquals(uart.uart.nextDeadline(), null);
});

Deno.test("uart: character times follow the divisor", () => {
  const uart = fifo();
  uart.set(lcr, 0x80);
  uart.set(data, 12);
  uart.set(lcr, 0x03);
  uart.receive(1);
  assertEquals(uart.uart.nextDeadline(), 12n * TIMEOUT);
});

Deno.test("uart: an empty transmitter interrupts until it is read of", () => {
  const uart = new TestUart();
  uart.set(ier, 2);
  assertEquals([uart.get(iirFcr), uart.get(iirFcr)], [0x02, 0x01]);
  uart.set(data, 65);
  assertEquals([uart.get(iirFcr), uart.get(iirFcr)], [0x02, 0x01]);
  uart.set(ier, 2); // already on: nothing new
  assertEquals(uart.get(iirFcr), 0x01);
});

Deno.test("uart: what came is told before what went", () => {
  const uart = fifo(0);
  uart.set(ier, 3);
  uart.receive(1);
  assertEquals(uart.get(iirFcr), 0xc4);
  uart.get(data);
  assertEquals(uart.get(iirFcr), 0xc2);
});

Deno.test("uart: the FIFO empties when asked, and when it turns", () => {
  const emptying: readonly [number, number][] = [[0x03, 16], [0x00, 1]];
  for (const [value, room] of emptying) {
    const uart = fifo();
    uart.receive(1, 2, 3);
    uart.set(iirFcr, value);
    assertEquals([uart.uart.room, uart.get(lsr)], [room, 0x60]);
    assertEquals(uart.uart.nextDeadline(), null);
  }
  const kept = fifo();
  kept.receive(1, 2, 3);
  kept.set(iirFcr, 0x81);
  assertEquals(kept.uart.room, 13);
});

Deno.test("uart: loopback brings back what was sent, and modem lines", () => {
  const uart = new TestUart();
  assertEquals(uart.get(msr), 0xb0);
  uart.set(mcr, 0x10);
  assertEquals(uart.get(msr), 0);
  for (const [line, seen] of [[1, 0x20], [2, 0x10], [4, 0x40], [8, 0x80]]) {
    uart.set(mcr, 0x10 | (line ?? 0));
    assertEquals(uart.get(msr), seen);
  }
  uart.set(data, 77);
  assertEquals([uart.sent, uart.get(data)], [[], 77]);
});

Deno.test("uart: reset puts everything back", () => {
  const uart = fifo();
  uart.receive(1);
  uart.uart.reset();
  assertEquals(uart.uart.snapshot(), new TestUart().uart.snapshot());
});

Deno.test("uart: a FIFO with characters moves, with its timeout", () => {
  const uart = fifo();
  uart.receive(1, 2);
  const value = throughStream(uartState, uart.uart.snapshot());
  assertEquals(value.timeout, { pending: false, deadline: TIMEOUT });
  const other = new TestUart();
  other.uart.restore(value);
  other.clock.now = TIMEOUT;
  assertEquals([other.get(iirFcr), other.get(data), other.get(data)], [
    0xcc,
    1,
    2,
  ]);
  assertEquals(value.rx, [1, 2]); // the loaded value is its own
});

Deno.test("uart: the timeout travels only while there is one", () => {
  const uart = fifo();
  assertEquals(
    "timeout" in throughStream(uartState, uart.uart.snapshot()),
    false,
  );
  uart.receive(1);
  uart.clock.now = 2n * TIMEOUT;
  assertEquals(throughStream(uartState, uart.uart.snapshot()).timeout, {
    pending: true,
    deadline: null,
  });
});

/** A state with a change that no UART can have. */
const IMPOSSIBLE: readonly [string, Partial<UartState>][] = [
  ["ier", { ier: 0x10 }],
  ["fcr", { fcr: 0x02 }],
  ["mcr", { mcr: 0x20 }],
  ["rxCount", { rxCount: 17, rx: Array(17).fill(0) }],
  ["rxCount", { fcr: 0, rxCount: 2, rx: [1, 2] }],
  ["rxCount", { timeout: undefined }],
  ["rxCount", { rxCount: 0, rx: [] }],
  ["deadline", { timeout: { pending: true, deadline: 5n } }],
  ["deadline", { timeout: { pending: false, deadline: null } }],
  ["deadline", { timeout: { pending: false, deadline: -5n } }],
];

for (const [index, [field, change]] of IMPOSSIBLE.entries()) {
  Deno.test(`uart: impossible state ${index} is refused for ${field}`, () => {
    const uart = fifo();
    uart.receive(1);
    assertRefused(uartState, { ...uart.uart.snapshot(), ...change }, field);
  });
}
