/**
 * The guest: a program that notices when its machine is not what it was.
 *
 * ```
 *   set up ─▶ ┌─▶ tick came? ── no ──▶ echo ──▶ busy? count : wait ─┐
 *             │      │ yes                                          │
 *             │      ▼                                              │
 *             │   registers, RAM, shadow and auxiliary RAM agree?   │
 *             │   count; look at a part of the canaries;            │
 *             │   have the engine digest the canary; print          │
 *             └──────┴──────────────────────────────────────────────┘
 * ```
 *
 * Ticks are worked off one by one, so that the lines on the serial port,
 * "tick 000120 counter 61440", have ticks without a gap or a repeat as long
 * as the machine keeps its state.
 *
 * @module
 */

import { CSR, INTERRUPT, MSTATUS, RAM_BASE } from "../cpu/mod.ts";
import {
  CLINT,
  CLINT_REGISTER,
  DIGEST,
  DIGEST_BASIS,
  DIGEST_PRIME,
  DIGEST_REGISTER,
  DIGEST_SOURCE,
  DIGEST_STATUS,
  PLIC,
  PLIC_REGISTER,
  UART,
  UART_ENABLE,
  UART_REGISTER,
  UART_SOURCE,
} from "../devices/mod.ts";
import { Assembler, type Label } from "./assembler.ts";
import { type Console, emitConsole } from "./console.ts";
import {
  AUX_CANARY_ADDRESS,
  AUX_CANARY_SIZE,
  AUX_TICKS_ADDRESS,
  CANARY_ADDRESS,
  CANARY_MASK,
  CANARY_MULTIPLIER,
  CANARY_SIZE,
  GUEST_READY,
  RING,
  SHADOW,
  STACK_TOP,
  STATUS,
  STATUS_WORD,
} from "./layout.ts";
import {
  a0,
  a1,
  a2,
  ra,
  s0,
  s1,
  s2,
  s3,
  s4,
  sp,
  t0,
  t1,
  t2,
  t3,
  zero,
} from "./registers.ts";
import {
  emitError,
  emitTrapHandler,
  RING_SIZE,
  RING_WORD,
  TIMER_INTERVAL,
} from "./trap.ts";

/** How the guest behaves. */
export interface GuestOptions {
  /** Count between ticks too, instead of waiting. Default: wait. */
  readonly busy?: boolean;
  /** Ticks of 10 ms from line to line on the serial port. Default: 10. */
  readonly printEvery?: number;
}

/** Increments at each tick. */
const BURST = 512;
/** Parts of the canaries: one part of each is looked at with each tick. */
const CANARY_PARTS = 32;
const AUX_CANARY_PARTS = 16;

/** Offsets in the shadow page. */
const SHADOW_WORD = { counter: 0, counterHigh: 4, ticks: 8 } as const;

const COUNTER = STATUS_WORD.counter;
const COUNTER_HIGH = STATUS_WORD.counter + 4;

const FIFO_ON_TRIGGER_8 = 0x81;
const EIGHT_BITS = 0x03;

/**
 * Assembles the program; it belongs at the start of RAM, where the hart
 * starts after reset.
 *
 * Throughout it, s0 points to the status page, s1 is the ticks worked off and
 * s3:s2 the counter.
 */
export function buildGuest(
  options: GuestOptions = {},
): Uint8Array<ArrayBuffer> {
  const a = new Assembler(RAM_BASE);
  const main = a.label("main");
  a.j(main);
  const handler = emitTrapHandler(a);
  const console = emitConsole(a);
  const routines: Routines = {
    console,
    count: emitCount(a),
    scan: emitScan(a),
    checkTicks: emitCheckTicks(a),
    echo: emitEcho(a, console),
    line: emitLine(a, console),
  };
  a.bind(main);
  emitSetUp(a, handler, options);
  emitLoop(a, routines);
  return a.finish();
}

interface Routines {
  readonly console: Console;
  /** Checks the counter in its three places, then increments it BURST times. */
  readonly count: Label;
  /** Looks for a wrong canary word from a0 to a1; its address in a0, or 0. */
  readonly scan: Label;
  /** Checks the ticks in their places, then steps them. */
  readonly checkTicks: Label;
  /** Sends back what was received. */
  readonly echo: Label;
  /** Prints the line of this tick. */
  readonly line: Label;
}

function emitSetUp(
  a: Assembler,
  handler: Label,
  options: GuestOptions,
): void {
  a.li(sp, STACK_TOP);
  a.li(s0, STATUS);
  a.la(t0, handler);
  a.csrw(CSR.mtvec, t0);
  a.li(t0, options.busy ? 1 : 0);
  a.sw(t0, STATUS_WORD.busy, s0);
  a.li(t0, options.printEvery ?? 10);
  a.sw(t0, STATUS_WORD.printEvery, s0);

  emitClearCounters(a);
  emitFillCanary(a, CANARY_ADDRESS, CANARY_SIZE);
  a.sw(a0, STATUS_WORD.digestExpected, s0);
  emitFillCanary(a, AUX_CANARY_ADDRESS, AUX_CANARY_SIZE);

  a.li(t0, UART.base);
  a.li(t1, EIGHT_BITS);
  a.sb(t1, UART_REGISTER.lcr, t0);
  a.li(t1, FIFO_ON_TRIGGER_8);
  a.sb(t1, UART_REGISTER.iirFcr, t0);
  a.li(t1, UART_ENABLE.received);
  a.sb(t1, UART_REGISTER.ier, t0);

  a.li(t0, PLIC.base + PLIC_REGISTER.priority);
  a.li(t1, 1);
  a.sw(t1, 4 * UART_SOURCE, t0);
  a.sw(t1, 4 * DIGEST_SOURCE, t0);
  a.li(t0, PLIC.base + PLIC_REGISTER.enabled);
  a.li(t1, 1 << UART_SOURCE | 1 << DIGEST_SOURCE);
  a.sw(t1, 0, t0);

  emitFirstTimer(a);
  a.li(t0, INTERRUPT.timer | INTERRUPT.external);
  a.csrw(CSR.mie, t0);
  a.csrrsi(zero, CSR.mstatus, MSTATUS.MIE);
  a.li(t0, GUEST_READY);
  a.sw(t0, STATUS_WORD.ready, s0);
}

/** The memory may be that of a machine that was reset. */
function emitClearCounters(a: Assembler): void {
  const words = [
    COUNTER,
    COUNTER_HIGH,
    STATUS_WORD.ticks,
    STATUS_WORD.timerTicks,
    STATUS_WORD.error,
    STATUS_WORD.errorDetail,
    STATUS_WORD.digests,
    STATUS_WORD.echoed,
  ];
  for (const word of words) a.sw(zero, word, s0);
  a.li(t0, RING);
  a.sw(zero, RING_WORD.head, t0);
  a.sw(zero, RING_WORD.tail, t0);
  a.li(t0, SHADOW);
  a.li(t1, -1);
  for (const word of Object.values(SHADOW_WORD)) a.sw(t1, word, t0);
  a.li(t0, AUX_TICKS_ADDRESS);
  a.sw(zero, 0, t0);
  for (const register of [s1, s2, s3]) a.li(register, 0);
}

/** Writes a canary; its digest in a0. */
function emitFillCanary(a: Assembler, address: number, size: number): void {
  a.li(a0, DIGEST_BASIS);
  a.li(a1, DIGEST_PRIME);
  a.li(t0, address);
  a.li(t1, address + size);
  const next = a.here("fill");
  emitCanaryWord(a);
  a.sw(t2, 0, t0);
  a.xor(a0, a0, t2);
  a.mul(a0, a0, a1);
  a.addi(t0, t0, 4);
  a.bne(t0, t1, next);
}

/** The canary's word at t0 in t2. */
function emitCanaryWord(a: Assembler): void {
  a.li(t3, CANARY_MULTIPLIER);
  a.mul(t2, t0, t3);
  a.li(t3, CANARY_MASK);
  a.xor(t2, t2, t3);
}

function emitFirstTimer(a: Assembler): void {
  a.li(t0, CLINT.base + CLINT_REGISTER.mtime);
  const again = a.here("again");
  a.lw(t2, 4, t0);
  a.lw(t1, 0, t0);
  a.lw(t3, 4, t0);
  a.bne(t2, t3, again);
  a.li(t3, TIMER_INTERVAL);
  a.add(t3, t3, t1);
  a.sltu(t1, t3, t1); // carry
  a.add(t2, t2, t1);
  a.li(t0, CLINT.base + CLINT_REGISTER.mtimecmp);
  a.sw(t3, 0, t0);
  a.sw(t2, 4, t0);
}

function emitLoop(a: Assembler, routines: Routines): void {
  const tick = a.label("tick");
  const wake = a.label("wake");
  const noLine = a.label("noLine");
  const loop = a.here("loop");
  // With interrupts off nothing can come between the look and the wait, and
  // WFI ends all the same when something comes.
  a.csrrci(zero, CSR.mstatus, MSTATUS.MIE);
  a.lw(t0, STATUS_WORD.timerTicks, s0);
  a.bne(t0, s1, tick);
  a.lw(t0, STATUS_WORD.busy, s0);
  a.bnez(t0, wake);
  a.li(t0, RING);
  a.lw(t1, RING_WORD.head, t0);
  a.lw(t2, RING_WORD.tail, t0);
  a.bne(t1, t2, wake);
  a.wfi();
  a.bind(wake);
  a.csrrsi(zero, CSR.mstatus, MSTATUS.MIE);
  a.call(routines.echo);
  a.lw(t0, STATUS_WORD.busy, s0);
  a.beqz(t0, loop);
  a.call(routines.count);
  a.j(loop);

  a.bind(tick);
  a.csrrsi(zero, CSR.mstatus, MSTATUS.MIE);
  a.call(routines.checkTicks);
  a.call(routines.count);
  emitScanPart(a, routines.scan, {
    address: CANARY_ADDRESS,
    size: CANARY_SIZE,
    parts: CANARY_PARTS,
    error: "canary",
  });
  emitScanPart(a, routines.scan, {
    address: AUX_CANARY_ADDRESS,
    size: AUX_CANARY_SIZE,
    parts: AUX_CANARY_PARTS,
    error: "auxRam",
  });
  emitRequestDigest(a);
  a.lw(t0, STATUS_WORD.printEvery, s0);
  a.remu(t0, s1, t0);
  a.bnez(t0, noLine);
  a.call(routines.line);
  a.bind(noLine);
  a.call(routines.echo);
  a.j(loop);
}

/** Looks at the part of a canary whose turn it is at this tick. */
function emitScanPart(
  a: Assembler,
  scan: Label,
  canary: {
    readonly address: number;
    readonly size: number;
    readonly parts: number;
    readonly error: "canary" | "auxRam";
  },
): void {
  const right = a.label("right");
  a.andi(t0, s1, canary.parts - 1);
  a.li(t1, canary.size / canary.parts);
  a.mul(t0, t0, t1);
  a.li(a0, canary.address);
  a.add(a0, a0, t0);
  a.add(a1, a0, t1);
  a.call(scan);
  a.beqz(a0, right);
  emitError(a, canary.error, a0, t0);
  a.bind(right);
}

/** Asks for the canary's digest, unless the engine is still at the last. */
function emitRequestDigest(a: Assembler): void {
  const isAtWork = a.label("atWork");
  a.li(t0, DIGEST.base);
  a.lw(t1, DIGEST_REGISTER.status, t0);
  a.andi(t1, t1, DIGEST_STATUS.queued);
  a.bnez(t1, isAtWork);
  a.li(t1, CANARY_ADDRESS);
  a.sw(t1, DIGEST_REGISTER.address, t0);
  a.li(t1, CANARY_SIZE);
  a.sw(t1, DIGEST_REGISTER.length, t0);
  a.addi(t1, s0, STATUS_WORD.digestResult);
  a.sw(t1, DIGEST_REGISTER.result, t0);
  a.sw(zero, DIGEST_REGISTER.submit, t0);
  a.bind(isAtWork);
}

function emitCount(a: Assembler): Label {
  const wrong = a.label("wrong");
  const right = a.label("right");
  const count = a.here("count");
  a.li(t0, SHADOW);
  for (
    const [register, word, shadow] of [
      [s2, COUNTER, SHADOW_WORD.counter],
      [s3, COUNTER_HIGH, SHADOW_WORD.counterHigh],
    ] as const
  ) {
    a.lw(t1, word, s0);
    a.bne(t1, register, wrong);
    a.lw(t1, shadow, t0);
    a.not(t1, t1);
    a.bne(t1, register, wrong);
  }
  a.j(right);
  a.bind(wrong);
  emitError(a, "counter", t1, t2);
  a.bind(right);

  a.li(t1, BURST);
  const next = a.here("next");
  a.addi(s2, s2, 1);
  a.sltiu(t2, s2, 1); // carry
  a.add(s3, s3, t2);
  a.sw(s2, COUNTER, s0);
  a.sw(s3, COUNTER_HIGH, s0);
  a.addi(t1, t1, -1);
  a.bnez(t1, next);

  a.not(t1, s2);
  a.sw(t1, SHADOW_WORD.counter, t0);
  a.not(t1, s3);
  a.sw(t1, SHADOW_WORD.counterHigh, t0);
  a.ret();
  return count;
}

function emitScan(a: Assembler): Label {
  const wrong = a.label("wrong");
  const scan = a.here("scan");
  a.mv(t0, a0);
  a.li(a0, 0);
  a.li(a2, CANARY_MULTIPLIER);
  a.li(t3, CANARY_MASK);
  const next = a.here("next");
  a.mul(t2, t0, a2);
  a.xor(t2, t2, t3);
  a.lw(t1, 0, t0);
  a.bne(t1, t2, wrong);
  a.addi(t0, t0, 4);
  a.bne(t0, a1, next);
  a.ret();
  a.bind(wrong);
  a.mv(a0, t0);
  a.ret();
  return scan;
}

function emitCheckTicks(a: Assembler): Label {
  const wrong = a.label("wrong");
  const auxCheck = a.label("auxCheck");
  const right = a.label("right");
  const checkTicks = a.here("checkTicks");
  a.li(t0, SHADOW);
  a.lw(t1, STATUS_WORD.ticks, s0);
  a.bne(t1, s1, wrong);
  a.lw(t1, SHADOW_WORD.ticks, t0);
  a.not(t1, t1);
  a.beq(t1, s1, auxCheck);
  a.bind(wrong);
  emitError(a, "ticks", t1, t2);
  a.bind(auxCheck);
  a.li(t3, AUX_TICKS_ADDRESS);
  a.lw(t1, 0, t3);
  a.beq(t1, s1, right);
  emitError(a, "auxRam", t1, t2);
  a.bind(right);

  a.addi(s1, s1, 1);
  a.sw(s1, STATUS_WORD.ticks, s0);
  a.sw(s1, 0, t3);
  a.not(t1, s1);
  a.sw(t1, SHADOW_WORD.ticks, t0);
  a.ret();
  return checkTicks;
}

function emitEcho(a: Assembler, console: Console): Label {
  const empty = a.label("empty");
  const echo = a.here("echo");
  enter(a);
  a.li(s4, RING);
  const next = a.here("next");
  a.lw(t0, RING_WORD.head, s4);
  a.lw(t1, RING_WORD.tail, s4);
  a.beq(t0, t1, empty);
  a.andi(t2, t1, RING_SIZE - 1);
  a.add(t2, t2, s4);
  a.lbu(a0, RING_WORD.data, t2);
  a.addi(t1, t1, 1);
  a.sw(t1, RING_WORD.tail, s4);
  a.call(console.putc);
  a.lw(t0, STATUS_WORD.echoed, s0);
  a.addi(t0, t0, 1);
  a.sw(t0, STATUS_WORD.echoed, s0);
  a.j(next);
  a.bind(empty);
  a.li(t0, UART.base); // the handler turns it off when the ring is full
  a.li(t1, UART_ENABLE.received);
  a.sb(t1, UART_REGISTER.ier, t0);
  leave(a);
  return echo;
}

function emitLine(a: Assembler, console: Console): Label {
  const tick = a.here("tick");
  a.text("tick ");
  const counter = a.here("counter");
  a.text(" counter ");
  const error = a.here("error");
  a.text(" error ");

  const fine = a.label("fine");
  const line = a.here("line");
  enter(a);
  a.la(a0, tick);
  a.call(console.puts);
  a.mv(a0, s1);
  a.li(a1, 0);
  a.li(a2, 6);
  a.call(console.decimal);
  a.la(a0, counter);
  a.call(console.puts);
  a.mv(a0, s2);
  a.mv(a1, s3);
  a.li(a2, 1);
  a.call(console.decimal);
  a.lw(t0, STATUS_WORD.error, s0);
  a.beqz(t0, fine);
  a.la(a0, error);
  a.call(console.puts);
  a.lw(a0, STATUS_WORD.error, s0);
  a.li(a1, 0);
  a.li(a2, 1);
  a.call(console.decimal);
  a.bind(fine);
  a.li(a0, "\n".charCodeAt(0));
  a.call(console.putc);
  leave(a);
  return line;
}

function enter(a: Assembler): void {
  a.addi(sp, sp, -16);
  a.sw(ra, 0, sp);
  a.sw(s4, 4, sp);
}

function leave(a: Assembler): void {
  a.lw(ra, 0, sp);
  a.lw(s4, 4, sp);
  a.addi(sp, sp, 16);
  a.ret();
}
