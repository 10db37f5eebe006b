import { assertEquals, assertThrows } from "@std/assert";
import { Hart, MAXIMUM_RAM } from "../../../lib/machine/cpu/mod.ts";
import { DATA, ran, TestBus, TestHart } from "./harness.ts";

const DEVICE = 0x1000;

Deno.test("memory: loads extend as their names say, little-endian", () => {
  const hart = new TestHart(`
    lb a0, 0(t0)
    lbu a1, 0(t0)
    lh a2, 2(t0)
    lhu a3, 2(t0)
    lw a4, 0(t0)
    lbu a5, 3(t0)
  `);
  hart.bus.ram.set([0x81, 0x02, 0x03, 0x84], DATA - 0x8000_0000);
  hart.set({ x: { t0: DATA } });
  hart.run();
  assertEquals(
    ["a0", "a1", "a2", "a3", "a4", "a5"].map((register) => hart.x(register)),
    [-127, 0x81, 0x8403 - 0x1_0000, 0x8403, 0x8403_0281 | 0, 0x84],
  );
});

Deno.test("memory: stores touch just their bytes", () => {
  const hart = new TestHart(`
    sw t1, -4(t0)
    sb t1, 1(t0)
    sh t1, 6(t0)
  `);
  hart.set({ x: { t0: DATA, t1: 0x1234_5678 } });
  assertEquals(hart.dirtySteps(), [1, 1, 1]);
  assertEquals(
    [...hart.bus.ram.subarray(0x7fc, 0x80c)],
    [0x78, 0x56, 0x34, 0x12, 0, 0x78, 0, 0, 0, 0, 0x78, 0x56, 0, 0, 0, 0],
  );
});

Deno.test("memory: the last word of RAM is RAM, the next is not", () => {
  const hart = new TestHart(`
    lw a0, -4(t0)
    sw t1, -4(t0)
    lw a0, 0(t0)
  `);
  hart.set({ x: { t0: 0x8000_1000, t1: 7 } });
  hart.run(2);
  assertEquals(hart.word(0x8000_0ffc), 7);
  hart.run(1);
  assertEquals([hart.state.trap.mcause, hart.state.trap.mtval], [
    5,
    0x8000_1000,
  ]);
});

Deno.test("memory: devices get offset, width and value; loads extend", () => {
  const hart = new TestHart(`
    lb a0, 0(t0)
    lhu a1, 2(t0)
    lw a2, 0(t0)
    sb t1, 3(t0)
    sw t1, 0(t0)
  `);
  hart.bus.deviceWord = 0x8765_43f1 | 0;
  hart.set({ x: { t0: DEVICE, t1: 0x1234 } });
  hart.run();
  assertEquals(
    [hart.x("a0"), hart.x("a1"), hart.x("a2")],
    [-15, 0x8765, 0x8765_43f1 | 0],
  );
  assertEquals(hart.bus.stores, [
    { address: DEVICE + 3, width: 1, value: 0x1234 },
    { address: DEVICE, width: 4, value: 0x1234 },
  ]);
});

Deno.test("memory: code that the program wrote is what runs", () => {
  const hart = ran(`
    la t0, patch
    li t1, 0x00700513 # addi a0, zero, 7
    sw t1, 0(t0)
    patch: li a0, 1
  `);
  assertEquals(hart.x("a0"), 7);
});

Deno.test("memory: sizes that no hart can use are refused", () => {
  for (const size of [0, 6]) {
    const bus = Object.assign(new TestBus(), { ram: new Uint8Array(size) });
    assertThrows(() => new Hart(bus), RangeError, `${size} bytes`);
  }
  assertEquals(MAXIMUM_RAM, 2 ** 31);
});

const ATOMICS: readonly [
  string,
  string,
  memory: number,
  operand: number,
  after: number,
][] = [
  ["amoswap", "amoswap.w a0, t1, (t0)", 5, 7, 7],
  ["amoadd", "amoadd.w a0, t1, (t0)", 0x7fff_ffff, 1, -0x8000_0000],
  ["amoxor", "amoxor.w a0, t1, (t0)", 0b1100, 0b1010, 0b0110],
  ["amoor", "amoor.w a0, t1, (t0)", 0b1100, 0b1010, 0b1110],
  ["amoand", "amoand.w a0, t1, (t0)", 0b1100, 0b1010, 0b1000],
  ["amomin", "amomin.w a0, t1, (t0)", -5, 3, -5],
  ["amomax", "amomax.w a0, t1, (t0)", -5, 3, 3],
  ["amominu", "amominu.w a0, t1, (t0)", -5, 3, 3],
  ["amomaxu", "amomaxu.w a0, t1, (t0)", -5, 3, -5],
];

for (const [name, program, memory, operand, after] of ATOMICS) {
  Deno.test(`memory: ${name} stores the result and gives the old word`, () => {
    const hart = new TestHart(program);
    hart.setWord(DATA, memory);
    hart.set({ x: { t0: DATA, t1: operand } });
    assertEquals(hart.dirtySteps(), [1]);
    assertEquals([hart.word(DATA), hart.x("a0")], [after, memory]);
  });
}

Deno.test("memory: sc stores once after lr, and not without", () => {
  const hart = new TestHart(`
    sc.w a0, t1, (t0)
    lr.w a1, (t0)
    sc.w a2, t1, (t0)
    sc.w a3, t1, (t0)
    lr.w a4, (t0)
    addi t0, t0, 4
    sc.w a4, t1, (t0)
  `);
  hart.set({ x: { t0: DATA, t1: 2 } });
  // Only the one that stores makes the page dirty.
  assertEquals(hart.dirtySteps(), [0, 0, 1, 0, 0, 0, 0]);
  hart.set({ pc: 0x8000_0000 });
  hart.setWord(DATA, 1);
  hart.set({ x: { t0: DATA, t1: 2 } });
  hart.run(1);
  assertEquals([hart.x("a0"), hart.word(DATA)], [1, 1]);
  hart.run(1);
  assertEquals(hart.x("a1"), 1);
  assertEquals(hart.state.reservation, { address: DATA });
  hart.run(1);
  assertEquals([hart.x("a2"), hart.word(DATA)], [0, 2]);
  assertEquals(hart.state.reservation, undefined);
  hart.run(4);
  assertEquals([hart.x("a3"), hart.x("a4"), hart.word(DATA + 4)], [1, 1, 0]);
});
