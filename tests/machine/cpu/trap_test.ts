import { assertEquals } from "@std/assert";
import {
  CAUSE,
  INTERRUPT,
  MSTATUS,
  RAM_BASE,
} from "../../../lib/machine/cpu/mod.ts";
import { DATA, HANDLER, ran, TestHart } from "./harness.ts";

/** A program whose traps go to HANDLER. */
function guarded(program: string): TestHart {
  const hart = new TestHart(program);
  const state = hart.state;
  hart.hart.restore({
    ...state,
    trap: {
      ...state.trap,
      mtvec: HANDLER,
      mstatus: state.trap.mstatus | MSTATUS.MIE,
    },
  });
  hart.set({ x: { t0: DATA } });
  return hart;
}

const { illegalInstruction } = CAUSE;

/** One instruction each that traps, the cause, and what mtval says. */
const TRAPS: readonly [
  string,
  string,
  cause: number,
  value: number,
][] = [
  ["all zeros", ".word 0", illegalInstruction, 0],
  ["all ones", ".word 0xffffffff", illegalInstruction, 0xffff_ffff],
  [
    "a compressed instruction",
    ".word 0x12344501",
    illegalInstruction,
    0x4501,
  ],
  ["slli of 32", ".word 0x02001013", illegalInstruction, 0x0200_1013],
  [
    "srai with a stray bit",
    ".word 0x44005013",
    illegalInstruction,
    0x4400_5013,
  ],
  [
    "sub's bit on xor",
    ".word 0x40004033",
    illegalInstruction,
    0x4000_4033,
  ],
  ["branch 2", ".word 0x00002063", illegalInstruction, 0x0000_2063],
  ["load 3", ".word 0x00003003", illegalInstruction, 0x0000_3003],
  [
    "load 6 (lwu)",
    ".word 0x00006003",
    illegalInstruction,
    0x0000_6003,
  ],
  ["store 3", ".word 0x00003023", illegalInstruction, 0x0000_3023],
  ["jalr 1", ".word 0x00001067", illegalInstruction, 0x0000_1067],
  ["fence 2", ".word 0x0000200f", illegalInstruction, 0x0000_200f],
  ["amo.d", ".word 0x0000302f", illegalInstruction, 0x0000_302f],
  ["amo 0x05", ".word 0x2800202f", illegalInstruction, 0x2800_202f],
  ["sret", ".word 0x10200073", illegalInstruction, 0x1020_0073],
  [
    "a CSR that is not there",
    "csrr a0, 0x180",
    illegalInstruction,
    0x1800_2573,
  ],
  [
    "a write to a read-only CSR",
    "csrw cycle, zero",
    illegalInstruction,
    0xc000_1073,
  ],
  ["ebreak", "ebreak", CAUSE.breakpoint, 0],
  ["ecall", "ecall", CAUSE.machineCall, 0],
  ["lh at 1", "lh a0, 1(t0)", CAUSE.loadMisaligned, DATA + 1],
  ["lw at 2", "lw a0, 2(t0)", CAUSE.loadMisaligned, DATA + 2],
  ["sh at 3", "sh a0, 3(t0)", CAUSE.storeMisaligned, DATA + 3],
  ["sw at 1", "sw a0, 1(t0)", CAUSE.storeMisaligned, DATA + 1],
  ["lw of nothing", "lw a0, 16(zero)", CAUSE.loadFault, 16],
  ["lb of nothing", "lb a0, 17(zero)", CAUSE.loadFault, 17],
  ["sw to nothing", "sw a0, 16(zero)", CAUSE.storeFault, 16],
  ["lr outside of RAM", "lr.w a0, (zero)", CAUSE.loadFault, 0],
  ["amo outside of RAM", "amoadd.w a0, a0, (zero)", CAUSE.storeFault, 0],
  [
    "a jump to half a word",
    "jalr a0, 2(t0)",
    CAUSE.instructionMisaligned,
    DATA + 2,
  ],
  [
    "a taken branch to half a word",
    ".word 0x00000163",
    CAUSE.instructionMisaligned,
    RAM_BASE + 2,
  ],
];

for (const [name, program, cause, value] of TRAPS) {
  Deno.test(`trap: ${name}`, () => {
    const hart = guarded(program);
    const before = hart.state;
    assertEquals(hart.run(1), { executed: 1, reason: "budget" });
    assertEquals(hart.state, {
      ...before,
      pc: HANDLER,
      trap: {
        ...before.trap,
        mstatus: MSTATUS.MPP | MSTATUS.MPIE,
        mepc: RAM_BASE,
        mcause: cause,
        mtval: value,
      },
      cycles: 1n,
      instret: 0n,
    });
  });
}

Deno.test("trap: running outside of RAM is an instruction fault", () => {
  const hart = guarded("jalr zero, 0x100(zero)");
  hart.run(2);
  const { pc, trap } = hart.state;
  assertEquals(pc, HANDLER);
  assertEquals([trap.mcause, trap.mepc, trap.mtval], [
    CAUSE.instructionFault,
    0x100,
    0x100,
  ]);
});

Deno.test("trap: an untaken branch to half a word does nothing", () => {
  const hart = guarded(".word 0x00001163"); // bne x0, x0, +2
  hart.run(1);
  assertEquals(hart.state.pc, RAM_BASE + 4);
});

Deno.test("trap: mret goes back and puts the interrupt enable back", () => {
  const hart = guarded(`
    ecall
    li a1, 5
  `);
  hart.load(
    `
    csrr a0, mepc
    addi a0, a0, 4
    csrw mepc, a0
    mret
  `,
    HANDLER,
  );
  hart.set({ pc: RAM_BASE });
  hart.run(6);
  assertEquals(hart.x("a1"), 5);
  assertEquals(
    hart.state.trap.mstatus,
    MSTATUS.MPP | MSTATUS.MPIE | MSTATUS.MIE,
  );
  assertEquals([hart.state.cycles, hart.state.instret], [6n, 5n]);
});

Deno.test("csr: reads, writes, sets and clears", () => {
  const hart = ran(`
    li t0, 0x0ff0
    csrrw a0, mscratch, t0
    csrrsi a1, mscratch, 0x0f
    csrrci a2, mscratch, 0x10
    li t1, 0xf00
    csrrc zero, mscratch, t1
    csrrs a3, mscratch, zero
  `);
  assertEquals(
    ["a0", "a1", "a2", "a3"].map((register) => hart.x(register)),
    [0, 0x0ff0, 0x0fff, 0x00ef],
  );
});

/** What a CSR reads as after every bit was set, then after every was cleared. */
const WRITABLE: readonly [string, ones: number, zeros: number][] = [
  ["mstatus", 0x1888, 0x1800],
  ["mie", 0x888, 0],
  ["mip", 0, 0],
  ["misa", 0x4000_1101, 0x4000_1101],
  ["mtvec", 0xffff_fffd, 0],
  ["mscratch", 0xffff_ffff, 0],
  ["mepc", 0xffff_fffc, 0],
  ["mcause", 0x8000_000f, 0],
  ["mtval", 0xffff_ffff, 0],
  ["mstatush", 0, 0],
  ["mcycleh", 0xffff_ffff, 0],
  ["minstreth", 0xffff_ffff, 0],
];

for (const [name, ones, zeros] of WRITABLE) {
  Deno.test(`csr: ${name} keeps the bits that it has`, () => {
    const hart = ran(`
      li t0, -1
      csrw ${name}, t0
      csrr a0, ${name}
      csrw ${name}, zero
      csrr a1, ${name}
    `);
    assertEquals([hart.x("a0") >>> 0, hart.x("a1")], [ones, zeros | 0]);
  });
}

Deno.test("csr: what identifies the hart reads as 0", () => {
  const hart = ran(`
    li a0, -1
    csrr a0, mhartid
    li a1, -1
    csrr a1, mvendorid
  `);
  assertEquals([hart.x("a0"), hart.x("a1")], [0, 0]);
});

Deno.test("csr: cycle and instret count, a read does not see itself", () => {
  const hart = ran(`
    nop
    csrr a0, cycle
    csrr a1, minstret
  `);
  assertEquals([hart.x("a0"), hart.x("a1")], [1, 2]);
  assertEquals([hart.state.cycles, hart.state.instret], [3n, 3n]);
});

Deno.test("csr: a written counter goes on from there, over all 64 bits", () => {
  const hart = ran(`
    li t0, -1
    csrw mcycleh, t0
    csrw mcycle, t0
    csrr a0, mcycle
    csrr a1, mcycle
    csrr a2, mcycleh
  `);
  assertEquals([hart.x("a0"), hart.x("a1"), hart.x("a2")], [-1, 0, 0]);
  assertEquals(hart.state.cycles, 2n);
});

Deno.test("csr: time is the platform's, in two halves", () => {
  const hart = new TestHart(`
    csrr a0, time
    csrr a1, timeh
  `);
  hart.bus.ticks = 0x1_2345_6789n;
  hart.run();
  assertEquals([hart.x("a0"), hart.x("a1")], [0x2345_6789, 1]);
});

/** A hart that has enabled interrupts and runs `nop`s. */
function interruptible(mtvec = HANDLER): TestHart {
  const hart = new TestHart(".rept 16; nop; .endr");
  const { software, timer, external } = INTERRUPT;
  const state = hart.state;
  hart.hart.restore({
    ...state,
    trap: {
      ...state.trap,
      mtvec,
      mie: software | timer | external,
      mstatus: MSTATUS.MPP | MSTATUS.MIE,
    },
  });
  return hart;
}

Deno.test("interrupt: external before software before timer", () => {
  const { software, timer, external } = INTERRUPT;
  const order: readonly [lines: number, cause: number][] = [
    [software | timer | external, 0x8000_000b],
    [software | timer, 0x8000_0003],
    [timer, 0x8000_0007],
  ];
  for (const [lines, cause] of order) {
    const hart = interruptible();
    hart.run(2);
    hart.bus.lines = lines;
    hart.run(1);
    const { pc, trap, instret } = hart.state;
    assertEquals([trap.mcause, trap.mepc, trap.mtval], [
      cause,
      RAM_BASE + 8,
      0,
    ]);
    assertEquals(trap.mstatus, MSTATUS.MPP | MSTATUS.MPIE);
    assertEquals([pc, instret], [HANDLER + 4, 3n]);
  }
});

Deno.test("interrupt: vectored handlers are four bytes apart", () => {
  const hart = interruptible(HANDLER | 1);
  hart.bus.lines = INTERRUPT.timer;
  hart.run(1);
  assertEquals(hart.state.pc, HANDLER + 4 * 7 + 4);
});

Deno.test("interrupt: an exception goes to the base even when vectored", () => {
  const hart = interruptible(HANDLER | 1);
  hart.load("ecall");
  hart.run(1);
  assertEquals(hart.state.pc, HANDLER);
});

Deno.test("interrupt: held back by mie and by mstatus", () => {
  const hart = interruptible();
  hart.bus.lines = INTERRUPT.timer;
  const state = hart.state;
  hart.hart.restore({
    ...state,
    trap: { ...state.trap, mie: INTERRUPT.external },
  });
  hart.run(1);
  assertEquals(hart.state.pc, RAM_BASE + 4);
  hart.hart.restore({
    ...state,
    trap: { ...state.trap, mstatus: MSTATUS.MPP },
  });
  hart.run(1);
  assertEquals(hart.state.pc, RAM_BASE + 4);
});

Deno.test("interrupt: taken right after the guest enables it", () => {
  const hart = new TestHart(`
    csrrsi zero, mstatus, ${MSTATUS.MIE}
    nop
  `);
  const state = hart.state;
  hart.hart.restore({
    ...state,
    trap: { ...state.trap, mtvec: HANDLER, mie: INTERRUPT.software },
  });
  hart.bus.lines = INTERRUPT.software;
  hart.run(2);
  assertEquals(hart.state.trap.mepc, RAM_BASE + 4);
});

Deno.test("wfi: waits, costs nothing, and goes on without a trap", () => {
  const hart = new TestHart(`
    li t0, ${INTERRUPT.timer}
    csrw mie, t0
    wfi
    li a0, 1
  `);
  assertEquals(hart.run(100), { executed: 3, reason: "wfi" });
  assertEquals([hart.hart.waiting, hart.state.waiting], [true, true]);
  assertEquals(hart.run(100), { executed: 0, reason: "wfi" });
  hart.bus.lines = INTERRUPT.software; // not enabled: goes on waiting
  assertEquals(hart.run(100), { executed: 0, reason: "wfi" });
  hart.bus.lines = INTERRUPT.timer; // enabled, though mstatus.MIE is clear
  assertEquals(hart.hart.waiting, false);
  assertEquals(hart.run(1), { executed: 1, reason: "budget" });
  assertEquals([hart.x("a0"), hart.state.waiting], [1, false]);
});

Deno.test("wfi: does not wait when an interrupt is pending already", () => {
  const hart = new TestHart(`
    li t0, ${INTERRUPT.timer}
    csrw mie, t0
    wfi
    li a0, 1
  `);
  hart.bus.lines = INTERRUPT.timer;
  assertEquals(hart.run(), { executed: 4, reason: "budget" });
  assertEquals(hart.x("a0"), 1);
});

Deno.test("wfi: the interrupt returns behind it", () => {
  const hart = interruptible();
  hart.load("wfi");
  hart.run();
  hart.bus.lines = INTERRUPT.external;
  hart.run(1);
  assertEquals(hart.state.trap.mepc, RAM_BASE + 4);
});

Deno.test("halt: the slice ends with the store that asks for it", () => {
  const hart = new TestHart(`
    li t0, 0x1000
    li t1, 0x5555
    sw t1, 0(t0)
    li a0, 1
  `);
  assertEquals(hart.run(100), { executed: 4, reason: "halt" });
  assertEquals(hart.run(100), { executed: 0, reason: "halt" });
  assertEquals([hart.x("a0"), hart.state.pc], [0, RAM_BASE + 16]);
});

Deno.test("reset: every register as at the start", () => {
  const hart = interruptible();
  const fresh = new TestHart("nop").state;
  hart.set({ x: { a0: 5 } });
  hart.run(7);
  hart.hart.reset();
  assertEquals(hart.state, fresh);
});
