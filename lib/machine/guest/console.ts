import { UART, UART_REGISTER } from "../devices/mod.ts";
import type { Assembler, Label } from "./assembler.ts";
import { a0, a1, a2, ra, s4, s5, sp, t0, t1, t2, t3, t4 } from "./registers.ts";

/** Routines that write to the serial port; they keep s registers. */
export interface Console {
  /** Writes the character in a0. */
  readonly putc: Label;
  /** Writes the text that a0 points to, up to its NUL. */
  readonly puts: Label;
  /** Writes a1:a0 in decimal, with at least a2 digits. */
  readonly decimal: Label;
}

const TRANSMITTER_EMPTY = 0x20;
/** Most digits of 64 bits are 20; the stack stays aligned. */
const DIGITS = 32;

export function emitConsole(a: Assembler): Console {
  const putc = emitPutc(a);
  return { putc, puts: emitPuts(a, putc), decimal: emitDecimal(a, putc) };
}

function emitPutc(a: Assembler): Label {
  const putc = a.here("putc");
  a.li(t0, UART.base);
  const wait = a.here("wait");
  a.lbu(t1, UART_REGISTER.lsr, t0);
  a.andi(t1, t1, TRANSMITTER_EMPTY);
  a.beqz(t1, wait);
  a.sb(a0, UART_REGISTER.data, t0);
  a.ret();
  return putc;
}

function emitPuts(a: Assembler, putc: Label): Label {
  const done = a.label("done");
  const puts = a.here("puts");
  enter(a);
  a.mv(s4, a0);
  const next = a.here("next");
  a.lbu(a0, 0, s4);
  a.beqz(a0, done);
  a.call(putc);
  a.addi(s4, s4, 1);
  a.j(next);
  a.bind(done);
  leave(a);
  return puts;
}

/**
 * Divides by ten in four steps of 16 bits, from the top: every remainder with
 * the next 16 bits behind it fits a register.
 */
function emitDecimal(a: Assembler, putc: Label): Label {
  const decimal = a.here("decimal");
  enter(a);
  a.addi(sp, sp, -DIGITS);
  a.addi(s4, sp, DIGITS); // the digits so far: s4 up to s5
  a.mv(s5, s4);
  a.li(t0, 10);
  const divide = a.here("divide");
  a.li(t2, 0);
  for (const word of [a1, a0]) {
    a.srli(t1, word, 16);
    divideStep(a);
    a.slli(t4, t3, 16);
    a.slli(t1, word, 16);
    a.srli(t1, t1, 16);
    divideStep(a);
    a.or(word, t4, t3);
  }
  a.addi(t2, t2, "0".charCodeAt(0));
  a.addi(s4, s4, -1);
  a.sb(t2, 0, s4);
  a.addi(a2, a2, -1);
  a.or(t1, a0, a1);
  a.bnez(t1, divide);
  a.slt(t1, t1, a2); // is the width left above 0?
  a.bnez(t1, divide);
  const print = a.here("print");
  a.lbu(a0, 0, s4);
  a.call(putc);
  a.addi(s4, s4, 1);
  a.bne(s4, s5, print);
  a.addi(sp, sp, DIGITS);
  leave(a);
  return decimal;
}

/** t3 = (t2:t1) / 10 and t2 the remainder, t2:t1 in steps of 16 bits. */
function divideStep(a: Assembler): void {
  a.slli(t2, t2, 16);
  a.or(t1, t1, t2);
  a.divu(t3, t1, t0);
  a.remu(t2, t1, t0);
}

function enter(a: Assembler): void {
  a.addi(sp, sp, -16);
  a.sw(ra, 0, sp);
  a.sw(s4, 4, sp);
  a.sw(s5, 8, sp);
}

function leave(a: Assembler): void {
  a.lw(ra, 0, sp);
  a.lw(s4, 4, sp);
  a.lw(s5, 8, sp);
  a.addi(sp, sp, 16);
  a.ret();
}
