import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import { ran, TestHart } from "./harness.ts";

const MIN = -0x8000_0000;
const MAX = 0x7fff_ffff;

type RegisterOperation =
  | "add"
  | "sub"
  | "sll"
  | "slt"
  | "sltu"
  | "xor"
  | "srl"
  | "sra"
  | "or"
  | "and"
  | "mul"
  | "mulh"
  | "mulhsu"
  | "mulhu"
  | "div"
  | "divu"
  | "rem"
  | "remu";

function compute(name: RegisterOperation, a: number, b: number): number {
  const hart = new TestHart(`${name} a0, a1, a2`);
  hart.set({ x: { a1: a, a2: b } });
  hart.run();
  return hart.x("a0");
}

const unsigned = (value: bigint) => BigInt.asUintN(32, value);
const truth = (value: boolean) => value ? 1n : 0n;

/** The operations as the specification defines them, on exact integers. */
const REFERENCE: Readonly<
  Record<RegisterOperation, (a: bigint, b: bigint) => bigint>
> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  sll: (a, b) => a << (b & 31n),
  slt: (a, b) => truth(a < b),
  sltu: (a, b) => truth(unsigned(a) < unsigned(b)),
  xor: (a, b) => a ^ b,
  srl: (a, b) => unsigned(a) >> (b & 31n),
  sra: (a, b) => a >> (b & 31n),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  mul: (a, b) => a * b,
  mulh: (a, b) => (a * b) >> 32n,
  mulhsu: (a, b) => (a * unsigned(b)) >> 32n,
  mulhu: (a, b) => (unsigned(a) * unsigned(b)) >> 32n,
  div: (a, b) => b === 0n ? -1n : a / b,
  divu: (a, b) => b === 0n ? -1n : unsigned(a) / unsigned(b),
  rem: (a, b) => b === 0n ? a : a % b,
  remu: (a, b) => b === 0n ? a : unsigned(a) % unsigned(b),
};

/** Any word, the ones at the edges often. */
const word = fc.oneof(
  fc.integer({ min: MIN, max: MAX }),
  fc.constantFrom(0, 1, -1, MIN, MAX, MIN + 1, 0xffff, 0x10000, -0x10000, 31),
);

for (const [name, reference] of Object.entries(REFERENCE)) {
  Deno.test(`integer: ${name} agrees with exact arithmetic`, () => {
    fc.assert(fc.property(word, word, (a, b) => {
      const expected = BigInt.asIntN(32, reference(BigInt(a), BigInt(b)));
      assertEquals(
        compute(name as RegisterOperation, a, b),
        Number(expected),
        `${name} ${a}, ${b}`,
      );
    }));
  });
}

/** Results that the specification's tables state. */
const STATED: readonly [RegisterOperation, number, number, number][] = [
  ["div", 7, 0, -1],
  ["divu", 7, 0, -1],
  ["rem", 7, 0, 7],
  ["remu", -7, 0, -7],
  ["div", MIN, -1, MIN],
  ["rem", MIN, -1, 0],
  ["div", -7, 2, -3],
  ["rem", -7, 2, -1],
  ["rem", 7, -2, 1],
  ["divu", -1, 1, -1],
  ["divu", MIN, -1, 0],
  ["remu", MIN, -1, MIN],
  ["mul", -1, -1, 1],
  ["mulh", -1, -1, 0],
  ["mulh", MIN, MIN, 0x4000_0000],
  ["mulhu", -1, -1, -2],
  ["mulhsu", -1, -1, -1],
  ["mulhsu", MIN, -1, MIN],
  ["mulhsu", MAX, -1, 0x7fff_fffe],
  ["mulhu", 0x1_0000, 0x1_0000, 1],
  ["sll", 1, 31, MIN],
  ["sll", 1, 32, 1],
  ["srl", MIN, 31, 1],
  ["srl", -1, 0, -1],
  ["sra", MIN, 31, -1],
  ["slt", -1, 0, 1],
  ["sltu", -1, 0, 0],
  ["sltu", 0, 1, 1],
  ["add", MAX, 1, MIN],
  ["sub", MIN, 1, MAX],
];

for (const [name, a, b, expected] of STATED) {
  Deno.test(`integer: ${name} ${a}, ${b} is ${expected}`, () => {
    assertEquals(compute(name, a, b), expected);
  });
}

const IMMEDIATE: readonly [
  string,
  value: number,
  expected: number,
][] = [
  ["addi a0, a1, -1", 0, -1],
  ["addi a0, a1, 2047", MAX, MIN + 2046],
  ["slti a0, a1, -1", -2, 1],
  ["slti a0, a1, -1", 0, 0],
  ["sltiu a0, a1, -1", 5, 1], // the immediate is 0xffffffff
  ["sltiu a0, a1, 1", 0, 1], // seqz
  ["xori a0, a1, -1", 0x55, ~0x55],
  ["ori a0, a1, -2048", 1, -2047],
  ["andi a0, a1, -16", 0x1234_5678, 0x1234_5670],
  ["slli a0, a1, 31", 3, MIN],
  ["srli a0, a1, 4", -1, 0x0fff_ffff],
  ["srai a0, a1, 4", MIN, -0x0800_0000],
  ["lui a0, 0xfffff", 0, -4096],
  ["auipc a0, 1", 0, MIN + 0x1000],
];

for (const [program, value, expected] of IMMEDIATE) {
  Deno.test(`integer: ${program} of ${value}`, () => {
    const hart = new TestHart(program);
    hart.set({ x: { a1: value } });
    hart.run();
    assertEquals(hart.x("a0"), expected);
  });
}

Deno.test("integer: x0 stays 0 whatever writes it", () => {
  const hart = ran(`
    addi zero, zero, 5
    lui zero, 1
    auipc t0, 0
    lw zero, 0(t0)
    jalr zero, 20(t0)
    mv a0, zero
  `);
  assertEquals([hart.x("zero"), hart.x("a0")], [0, 0]);
});

Deno.test("integer: a register can be source and destination at once", () => {
  const hart = ran(`
    li t0, 21
    add t0, t0, t0
    auipc a0, 0
    lw a0, 0(a0)
  `);
  assertEquals(hart.x("t0"), 42);
  assertEquals(hart.x("a0"), hart.word(RAM_BASE + 8));
});

const BRANCHES: readonly [
  "beq" | "bne" | "blt" | "bge" | "bltu" | "bgeu",
  (a: number, b: number) => boolean,
][] = [
  ["beq", (a, b) => a === b],
  ["bne", (a, b) => a !== b],
  ["blt", (a, b) => a < b],
  ["bge", (a, b) => a >= b],
  ["bltu", (a, b) => a >>> 0 < b >>> 0],
  ["bgeu", (a, b) => a >>> 0 >= b >>> 0],
];

for (const [name, holds] of BRANCHES) {
  Deno.test(`integer: ${name} goes where it should, both ways`, () => {
    const hart = new TestHart(`
      back: ${name} a1, a2, forward
      li a0, 1
      forward: ${name} a1, a2, back
    `);
    const edges = [0, 1, -1, MIN, MAX];
    for (const a of edges) {
      for (const b of edges) {
        hart.set({ pc: RAM_BASE, x: { a1: a, a2: b } });
        hart.run(1);
        const taken = holds(a, b);
        assertEquals(hart.state.pc, RAM_BASE + (taken ? 8 : 4), `${a}, ${b}`);
        hart.set({ pc: RAM_BASE + 8 });
        hart.run(1);
        assertEquals(hart.state.pc, RAM_BASE + (taken ? 0 : 12), `${a}, ${b}`);
      }
    }
  });
}

Deno.test("integer: jal and jalr link and jump", () => {
  const hart = new TestHart(`
    jal t0, there
    ebreak
    there: jalr a0, 9(t0)
  `);
  hart.run(1);
  assertEquals([hart.state.pc, hart.x("t0")], [RAM_BASE + 8, MIN + 4]);
  hart.run(1); // bit 0 of the sum is dropped: 4 + 9 - 1
  assertEquals([hart.state.pc, hart.x("a0")], [RAM_BASE + 12, MIN + 12]);
});

Deno.test("integer: jalr reads its base before it links", () => {
  const hart = new TestHart("jalr t0, 0(t0)");
  hart.set({ x: { t0: MIN + 0x40 } });
  hart.run();
  assertEquals([hart.state.pc, hart.x("t0")], [RAM_BASE + 0x40, MIN + 4]);
});
