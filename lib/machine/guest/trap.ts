import {
  CLINT,
  CLINT_REGISTER,
  DIGEST,
  DIGEST_REGISTER,
  DIGEST_SOURCE,
  DIGEST_STATUS,
  PLIC,
  PLIC_REGISTER,
  TICKS_A_SECOND,
  UART,
  UART_REGISTER,
  UART_SOURCE,
} from "../devices/mod.ts";
import { CSR } from "../cpu/mod.ts";
import type { Assembler, Label } from "./assembler.ts";
import { GUEST_ERROR, RING, STATUS_WORD, TICK_NANOSECONDS } from "./layout.ts";
import {
  type Register,
  s0,
  sp,
  t0,
  t1,
  t2,
  t3,
  t4,
  zero,
} from "./registers.ts";

/** Ticks of mtime from timer interrupt to timer interrupt. */
export const TIMER_INTERVAL = Number(TICK_NANOSECONDS) * TICKS_A_SECOND / 1e9;

/** Characters that the ring holds; its index wraps by a byte. */
export const RING_SIZE = 256;
/** Offsets in the ring: characters put in, taken out, and themselves. */
export const RING_WORD = { head: 0, tail: 4, data: 8 } as const;

const SAVED: readonly Register[] = [t0, t1, t2, t3, t4];
const FRAME = 32;
const MACHINE_TIMER = 7;
const MACHINE_EXTERNAL = 11;

/** Notes the first error; s0 points to the status page, `scratch` is lost. */
export function emitError(
  a: Assembler,
  error: keyof typeof GUEST_ERROR,
  detail: Register,
  scratch: Register,
): void {
  const known = a.label("known");
  a.lw(scratch, STATUS_WORD.error, s0);
  a.bnez(scratch, known);
  a.sw(detail, STATUS_WORD.errorDetail, s0);
  a.li(scratch, GUEST_ERROR[error]);
  a.sw(scratch, STATUS_WORD.error, s0);
  a.bind(known);
}

/** The trap handler. It keeps every register; s0 is never changed outside. */
export function emitTrapHandler(a: Assembler): Label {
  const timer = a.label("timer");
  const external = a.label("external");
  const done = a.label("done");
  const handler = a.here("handler");
  a.addi(sp, sp, -FRAME);
  for (const [index, register] of SAVED.entries()) {
    a.sw(register, 4 * index, sp);
  }
  const unexpected = a.label("unexpected");
  a.csrr(t0, CSR.mcause);
  a.bge(t0, zero, unexpected);
  a.andi(t0, t0, 15);
  a.li(t1, MACHINE_TIMER);
  a.beq(t0, t1, timer);
  a.li(t1, MACHINE_EXTERNAL);
  a.beq(t0, t1, external);
  a.bind(unexpected);
  a.csrr(t0, CSR.mcause);
  emitError(a, "trap", t0, t1);
  const dead = a.here("dead");
  a.csrw(CSR.mie, zero);
  a.wfi();
  a.j(dead);

  a.bind(timer);
  emitTimer(a);
  a.j(done);
  a.bind(external);
  emitExternal(a, done);

  a.bind(done);
  for (const [index, register] of SAVED.entries()) {
    a.lw(register, 4 * index, sp);
  }
  a.addi(sp, sp, FRAME);
  a.mret();
  return handler;
}

/** Counts the tick and asks for the next, one interval after this one. */
function emitTimer(a: Assembler): void {
  a.lw(t0, STATUS_WORD.timerTicks, s0);
  a.addi(t0, t0, 1);
  a.sw(t0, STATUS_WORD.timerTicks, s0);
  a.li(t0, CLINT.base + CLINT_REGISTER.mtimecmp);
  a.li(t1, TIMER_INTERVAL);
  a.lw(t2, 0, t0);
  a.add(t1, t1, t2);
  a.sltu(t2, t1, t2); // carry
  a.lw(t3, 4, t0);
  a.add(t2, t2, t3);
  a.sw(t1, 0, t0);
  a.sw(t2, 4, t0);
}

/** Serves what the PLIC has until it has nothing more. */
function emitExternal(a: Assembler, done: Label): void {
  const uart = a.label("uart");
  const digest = a.label("digest");
  const complete = a.label("complete");
  a.li(t4, PLIC.base + PLIC_REGISTER.claim);
  const claim = a.here("claim");
  a.lw(t3, 0, t4);
  a.beqz(t3, done);
  a.li(t0, UART_SOURCE);
  a.beq(t3, t0, uart);
  a.li(t0, DIGEST_SOURCE);
  a.beq(t3, t0, digest);
  a.bind(complete);
  a.sw(t3, 0, t4);
  a.j(claim);

  a.bind(uart);
  emitReceive(a, complete);
  a.bind(digest);
  emitDigestDone(a);
  a.j(complete);
}

/** Moves characters to the ring; stops the interrupt while that is full. */
function emitReceive(a: Assembler, complete: Label): void {
  const full = a.label("full");
  const receive = a.here("receive");
  a.li(t0, UART.base);
  a.lbu(t1, UART_REGISTER.lsr, t0);
  a.andi(t1, t1, 1);
  a.beqz(t1, complete);
  a.li(t2, RING);
  a.lw(t1, RING_WORD.head, t2);
  a.lw(t2, RING_WORD.tail, t2);
  a.sub(t2, t1, t2);
  a.addi(t2, t2, -RING_SIZE);
  a.beqz(t2, full);
  a.lbu(t0, UART_REGISTER.data, t0);
  a.andi(t2, t1, RING_SIZE - 1);
  a.addi(t1, t1, 1);
  a.li(t3, RING);
  a.sw(t1, RING_WORD.head, t3);
  a.add(t2, t2, t3);
  a.sb(t0, RING_WORD.data, t2);
  a.li(t3, UART_SOURCE);
  a.j(receive);
  a.bind(full);
  a.sb(zero, UART_REGISTER.ier, t0);
  a.j(complete);
}

/** The canary as the engine read it must be the one that the hart wrote. */
function emitDigestDone(a: Assembler): void {
  const refused = a.label("refused");
  const wrong = a.label("wrong");
  const end = a.label("end");
  a.li(t0, DIGEST.base);
  a.lw(t1, DIGEST_REGISTER.status, t0);
  a.li(t2, DIGEST_STATUS.interrupt | DIGEST_STATUS.error);
  a.sw(t2, DIGEST_REGISTER.status, t0);
  a.andi(t1, t1, DIGEST_STATUS.error);
  a.bnez(t1, refused);
  a.lw(t0, STATUS_WORD.digestResult, s0);
  a.lw(t1, STATUS_WORD.digestExpected, s0);
  a.bne(t0, t1, wrong);
  a.lw(t0, STATUS_WORD.digests, s0);
  a.addi(t0, t0, 1);
  a.sw(t0, STATUS_WORD.digests, s0);
  a.j(end);
  a.bind(refused);
  emitError(a, "digestEngine", zero, t1);
  a.j(end);
  a.bind(wrong);
  emitError(a, "digest", t0, t1);
  a.bind(end);
}
