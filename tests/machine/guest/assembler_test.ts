import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CSR } from "../../../lib/machine/cpu/mod.ts";
import * as guest from "../../../lib/machine/guest/mod.ts";
import { Assembler, type Register, x } from "../../../lib/machine/guest/mod.ts";

const {
  a0,
  a1,
  a2,
  a3,
  a5,
  a7,
  gp,
  ra,
  s0,
  s1,
  s11,
  s2,
  s3,
  s4,
  sp,
  t0,
  t1,
  t2,
  t3,
  t4,
  t5,
  t6,
  tp,
  zero,
} = guest;

const BASE = 0x8000_0000;

function wordsOf(a: Assembler): number[] {
  const { buffer } = a.finish();
  const view = new DataView(buffer);
  return Array.from(
    { length: buffer.byteLength / 4 },
    (_, index) => view.getUint32(4 * index, true),
  );
}

/** Words as GNU as encodes the same text. */
const ENCODINGS: readonly [string, (a: Assembler) => void, number][] = [
  ["add s3, t6, a0", (a) => a.add(s3, t6, a0), 0x00af_89b3],
  ["sub s3, t6, a0", (a) => a.sub(s3, t6, a0), 0x40af_89b3],
  ["sll s3, t6, a0", (a) => a.sll(s3, t6, a0), 0x00af_99b3],
  ["slt s3, t6, a0", (a) => a.slt(s3, t6, a0), 0x00af_a9b3],
  ["sltu s3, t6, a0", (a) => a.sltu(s3, t6, a0), 0x00af_b9b3],
  ["xor s3, t6, a0", (a) => a.xor(s3, t6, a0), 0x00af_c9b3],
  ["srl s3, t6, a0", (a) => a.srl(s3, t6, a0), 0x00af_d9b3],
  ["sra s3, t6, a0", (a) => a.sra(s3, t6, a0), 0x40af_d9b3],
  ["or s3, t6, a0", (a) => a.or(s3, t6, a0), 0x00af_e9b3],
  ["and s3, t6, a0", (a) => a.and(s3, t6, a0), 0x00af_f9b3],
  ["mul s3, t6, a0", (a) => a.mul(s3, t6, a0), 0x02af_89b3],
  ["mulh s3, t6, a0", (a) => a.mulh(s3, t6, a0), 0x02af_99b3],
  ["mulhsu s3, t6, a0", (a) => a.mulhsu(s3, t6, a0), 0x02af_a9b3],
  ["mulhu s3, t6, a0", (a) => a.mulhu(s3, t6, a0), 0x02af_b9b3],
  ["div s3, t6, a0", (a) => a.div(s3, t6, a0), 0x02af_c9b3],
  ["divu s3, t6, a0", (a) => a.divu(s3, t6, a0), 0x02af_d9b3],
  ["rem s3, t6, a0", (a) => a.rem(s3, t6, a0), 0x02af_e9b3],
  ["remu s3, t6, a0", (a) => a.remu(s3, t6, a0), 0x02af_f9b3],
  ["addi a7, s11, -2048", (a) => a.addi(a7, s11, -2048), 0x800d_8893],
  ["addi ra, sp, 2047", (a) => a.addi(ra, sp, 2047), 0x7ff1_0093],
  ["slti a7, s11, -2048", (a) => a.slti(a7, s11, -2048), 0x800d_a893],
  ["slti ra, sp, 2047", (a) => a.slti(ra, sp, 2047), 0x7ff1_2093],
  ["sltiu a7, s11, -2048", (a) => a.sltiu(a7, s11, -2048), 0x800d_b893],
  ["sltiu ra, sp, 2047", (a) => a.sltiu(ra, sp, 2047), 0x7ff1_3093],
  ["xori a7, s11, -2048", (a) => a.xori(a7, s11, -2048), 0x800d_c893],
  ["xori ra, sp, 2047", (a) => a.xori(ra, sp, 2047), 0x7ff1_4093],
  ["ori a7, s11, -2048", (a) => a.ori(a7, s11, -2048), 0x800d_e893],
  ["ori ra, sp, 2047", (a) => a.ori(ra, sp, 2047), 0x7ff1_6093],
  ["andi a7, s11, -2048", (a) => a.andi(a7, s11, -2048), 0x800d_f893],
  ["andi ra, sp, 2047", (a) => a.andi(ra, sp, 2047), 0x7ff1_7093],
  ["slli t4, gp, 31", (a) => a.slli(t4, gp, 31), 0x01f1_9e93],
  ["srli t4, gp, 31", (a) => a.srli(t4, gp, 31), 0x01f1_de93],
  ["srai t4, gp, 31", (a) => a.srai(t4, gp, 31), 0x41f1_de93],
  ["lb s0, -4(tp)", (a) => a.lb(s0, -4, tp), 0xffc2_0403],
  ["lh s0, -4(tp)", (a) => a.lh(s0, -4, tp), 0xffc2_1403],
  ["lw s0, -4(tp)", (a) => a.lw(s0, -4, tp), 0xffc2_2403],
  ["lbu s0, -4(tp)", (a) => a.lbu(s0, -4, tp), 0xffc2_4403],
  ["lhu s0, -4(tp)", (a) => a.lhu(s0, -4, tp), 0xffc2_5403],
  ["sb s1, -1365(t0)", (a) => a.sb(s1, -1365, t0), 0xaa92_85a3],
  ["sh s1, -1365(t0)", (a) => a.sh(s1, -1365, t0), 0xaa92_95a3],
  ["sw s1, -1365(t0)", (a) => a.sw(s1, -1365, t0), 0xaa92_a5a3],
  ["lui t1, 0xfedcb", (a) => a.lui(t1, 0xfedcb), 0xfedc_b337],
  ["auipc t2, 0x12345", (a) => a.auipc(t2, 0x12345), 0x1234_5397],
  ["jalr ra, -2(a5)", (a) => a.jalr(ra, a5, -2), 0xffe7_80e7],
  ["fence", (a) => a.fence(), 0x0ff0_000f],
  ["ecall", (a) => a.ecall(), 0x0000_0073],
  ["ebreak", (a) => a.ebreak(), 0x0010_0073],
  ["mret", (a) => a.mret(), 0x3020_0073],
  ["wfi", (a) => a.wfi(), 0x1050_0073],
  ["csrrw s2, mepc, a1", (a) => a.csrrw(s2, CSR.mepc, a1), 0x3415_9973],
  ["csrrs s2, mepc, a1", (a) => a.csrrs(s2, CSR.mepc, a1), 0x3415_a973],
  ["csrrc s2, mepc, a1", (a) => a.csrrc(s2, CSR.mepc, a1), 0x3415_b973],
  ["csrrwi s2, mstatus, 17", (a) => a.csrrwi(s2, CSR.mstatus, 17), 0x3008_d973],
  ["csrrsi s2, mstatus, 17", (a) => a.csrrsi(s2, CSR.mstatus, 17), 0x3008_e973],
  ["csrrci s2, mstatus, 17", (a) => a.csrrci(s2, CSR.mstatus, 17), 0x3008_f973],
  ["lr.w s4, (a2)", (a) => a.lrw(s4, a2), 0x1006_2a2f],
  ["sc.w s4, a3, (a2)", (a) => a.scw(s4, a3, a2), 0x18d6_2a2f],
  ["amoswap.w s4, a3, (a2)", (a) => a.amoswapw(s4, a3, a2), 0x08d6_2a2f],
  ["amoadd.w s4, a3, (a2)", (a) => a.amoaddw(s4, a3, a2), 0x00d6_2a2f],
  ["amoxor.w s4, a3, (a2)", (a) => a.amoxorw(s4, a3, a2), 0x20d6_2a2f],
  ["amoor.w s4, a3, (a2)", (a) => a.amoorw(s4, a3, a2), 0x40d6_2a2f],
  ["amoand.w s4, a3, (a2)", (a) => a.amoandw(s4, a3, a2), 0x60d6_2a2f],
  ["amomin.w s4, a3, (a2)", (a) => a.amominw(s4, a3, a2), 0x80d6_2a2f],
  ["amomax.w s4, a3, (a2)", (a) => a.amomaxw(s4, a3, a2), 0xa0d6_2a2f],
  ["amominu.w s4, a3, (a2)", (a) => a.amominuw(s4, a3, a2), 0xc0d6_2a2f],
  ["amomaxu.w s4, a3, (a2)", (a) => a.amomaxuw(s4, a3, a2), 0xe0d6_2a2f],
  ["mv t3, t5", (a) => a.mv(t3, t5), 0x000f_0e13],
  ["not t3, t5", (a) => a.not(t3, t5), 0xffff_4e13],
  ["nop", (a) => a.nop(), 0x0000_0013],
  ["ret", (a) => a.ret(), 0x0000_8067],
];

for (const [text, emit, word] of ENCODINGS) {
  Deno.test(`assembler: ${text}`, () => {
    const a = new Assembler(BASE);
    emit(a);
    assertEquals(wordsOf(a), [word]);
  });
}

Deno.test("assembler: labels before and after their use", () => {
  const a = new Assembler(BASE);
  const far = a.label("far");
  const start = a.here("start");
  a.beq(t0, t1, far);
  a.bne(t0, t1, start);
  const back = a.here("back");
  a.blt(a0, a1, back);
  a.bge(a0, a1, far);
  a.bltu(s2, s3, start);
  a.bgeu(s2, s3, far);
  a.call(far);
  a.j(start);
  while (a.address < BASE + 0x7e0) a.word(0);
  a.bind(far);
  a.j(start);
  a.beqz(zero, start);
  const words = wordsOf(a);
  assertEquals(words.slice(0, 8), [
    0x7e62_8063,
    0xfe62_9ee3,
    0x00b5_4063,
    0x7cb5_5a63,
    0xff39_68e3,
    0x7d39_7663,
    0x7c80_00ef,
    0xfe5f_f06f,
  ]);
  assertEquals(words.slice(-2), [0x821f_f06f, 0x8000_0ee3]);
});

Deno.test("assembler: li takes one or two instructions", () => {
  const a = new Assembler(BASE);
  a.li(a0, 0x1234_5678);
  a.li(a0, 0x800);
  a.li(a0, -2048);
  a.li(a0, 0xffff_f000);
  a.li(a0, 0x7fff_f800);
  a.li(a0, 0x8000_0000);
  assertEquals(wordsOf(a), [
    0x1234_5537,
    0x6785_0513,
    0x0000_1537,
    0x8005_0513,
    0x8000_0513,
    0xffff_f537,
    0x8000_0537,
    0x8005_0513,
    0x8000_0537,
  ]);
});

Deno.test("assembler: la reaches backwards and forwards", () => {
  const a = new Assembler(BASE);
  const far = a.label("far");
  const end = a.label("end");
  while (a.address < BASE + 0x7e0) a.word(0);
  a.bind(far);
  while (a.address < BASE + 0x80c) a.word(0);
  a.la(a1, far);
  a.la(a1, end);
  while (a.address < BASE + 0x271c) a.word(0);
  a.bind(end);
  assertEquals(wordsOf(a).slice(0x80c / 4, 0x81c / 4), [
    0x0000_0597,
    0xfd45_8593,
    0x0000_2597,
    0xf085_8593,
  ]);
});

Deno.test("assembler: text ends in a NUL and fills whole words", () => {
  const a = new Assembler(BASE);
  a.text("abc");
  a.text("abcd");
  assertEquals(wordsOf(a), [0x0063_6261, 0x6463_6261, 0]);
});

Deno.test("assembler: refuses what it cannot encode", () => {
  const a = new Assembler(BASE);
  assertThrows(() => a.addi(t0, t0, 2048), RangeError, '"2048"');
  assertThrows(() => a.lw(t0, -2049, t0), RangeError, '"-2049"');
  assertThrows(() => a.addi(t0, t0, 0.5), RangeError, '"0.5"');
  assertThrows(() => a.slli(t0, t0, 32), RangeError, '"32"');
  assertThrows(() => a.lui(t0, 0x10_0000), RangeError);
  assertThrows(() => a.csrrwi(t0, CSR.mie, 32), RangeError);
  assertThrows(() => a.li(t0, 0x1_0000_0000), RangeError);
  assertThrows(() => a.word(-1), RangeError);
  assertThrows(() => x(32), RangeError, "x32");
});

Deno.test("assembler: refuses labels without a place, or with two", () => {
  const a = new Assembler(BASE);
  const label = a.label("nowhere");
  a.j(label);
  assertThrows(() => a.finish(), TypeError, '"nowhere" was never bound');
  a.bind(label);
  assertThrows(() => a.bind(label), TypeError, '"nowhere" twice');
});

Deno.test("assembler: refuses a branch out of reach", () => {
  const reach = (words: number) => {
    const a = new Assembler(BASE);
    const far = a.label("far");
    a.beq(t0, t0, far);
    for (let i = 1; i < words; i++) a.nop();
    a.bind(far);
    return a.finish().length;
  };
  assertEquals(reach(1023), 4092);
  assertThrows(() => reach(1024), RangeError, '"4096"');
});

/** Fields of a word where the format puts them, taken out bit by bit. */
function bits(word: number, ...ranges: readonly [number, number][]): number {
  let value = 0;
  for (const [high, low] of ranges) {
    for (let bit = high; bit >= low; bit--) {
      value = value * 2 + (word >>> bit & 1);
    }
  }
  return value;
}

function signed(value: number, width: number): number {
  return value >= 2 ** (width - 1) ? value - 2 ** width : value;
}

const register = fc.integer({ min: 0, max: 31 }).map(x);
const single = (emit: (a: Assembler) => void): number => {
  const a = new Assembler(BASE);
  emit(a);
  return wordsOf(a)[0] ?? 0;
};
const rd = (word: number): number => bits(word, [11, 7]);
const rs1 = (word: number): number => bits(word, [19, 15]);
const rs2 = (word: number): number => bits(word, [24, 20]);
const numbers = (...registers: readonly Register[]): number[] => [...registers];

Deno.test("assembler: every operand comes back out of R, I and S words", () => {
  const immediate = fc.integer({ min: -2048, max: 2047 });
  fc.assert(
    fc.property(register, register, register, immediate, (d, s, t, i) => {
      const add = single((a) => a.add(d, s, t));
      assertEquals([rd(add), rs1(add), rs2(add)], numbers(d, s, t));
      const load = single((a) => a.lh(d, i, s));
      assertEquals([rd(load), rs1(load)], numbers(d, s));
      assertEquals(signed(bits(load, [31, 20]), 12), i);
      const store = single((a) => a.sw(t, i, s));
      assertEquals([rs1(store), rs2(store)], numbers(s, t));
      assertEquals(signed(bits(store, [31, 25], [11, 7]), 12), i);
    }),
  );
});

Deno.test("assembler: every distance comes back out of B and J words", () => {
  fc.assert(fc.property(
    fc.integer({ min: -1024, max: 1023 }),
    fc.integer({ min: -262_144, max: 262_143 }),
    register,
    register,
    (near, far, s, t) => {
      const branch = single((a) => {
        const label = a.label("near");
        label.address = BASE + 4 * near;
        a.bltu(s, t, label);
      });
      assertEquals([rs1(branch), rs2(branch)], numbers(s, t));
      const offset = bits(branch, [31, 31], [7, 7], [30, 25], [11, 8]) * 2;
      assertEquals(signed(offset, 13), 4 * near);
      const jump = single((a) => {
        const label = a.label("far");
        label.address = BASE + 4 * far;
        a.jal(s, label);
      });
      assertEquals(rd(jump), Number(s));
      const distance = bits(jump, [31, 31], [19, 12], [20, 20], [30, 21]) * 2;
      assertEquals(signed(distance, 21), 4 * far);
    },
  ));
});
