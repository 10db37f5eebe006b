import type { HartBus } from "./bus.ts";
import {
  ALL_INTERRUPTS,
  CAUSE_BITS,
  CSR,
  INTERRUPT,
  INTERRUPT_CAUSE,
  MISA,
  MSTATUS,
} from "./csr.ts";
import { highHalf, lowHalf, withHigh, withLow } from "./halves.ts";
import { resetTrap, type TrapState } from "./state.ts";

const VECTORED = 1;

interface TrapRegister {
  readonly name: keyof TrapState;
  /** What the register holds after this value was written to it. */
  legal(value: number): number;
}

const TRAP_REGISTERS: ReadonlyMap<number, TrapRegister> = new Map([
  [CSR.mstatus, {
    name: "mstatus",
    legal: (value) => MSTATUS.MPP | value & (MSTATUS.MIE | MSTATUS.MPIE),
  }],
  [CSR.mie, { name: "mie", legal: (value) => value & ALL_INTERRUPTS }],
  [CSR.mtvec, { name: "mtvec", legal: (value) => (value & ~2) >>> 0 }],
  [CSR.mscratch, { name: "mscratch", legal: (value) => value >>> 0 }],
  [CSR.mepc, { name: "mepc", legal: (value) => (value & ~3) >>> 0 }],
  [CSR.mcause, {
    name: "mcause",
    legal: (value) => (value & CAUSE_BITS) >>> 0,
  }],
  [CSR.mtval, { name: "mtval", legal: (value) => value >>> 0 }],
]);

/** Registers that have no bits here. */
const { mstatush, mvendorid, marchid, mimpid, mhartid, mconfigptr } = CSR;
const ZEROS: readonly number[] = [
  mstatush,
  mvendorid,
  marchid,
  mimpid,
  mhartid,
  mconfigptr,
];

/** Control and status registers of a hart; enters and leaves traps. */
export class ControlRegisters {
  trap: TrapState = resetTrap();
  cycles = 0n;
  instret = 0n;

  constructor(private readonly bus: HartBus) {}

  /** Advances the counters; 64 bits, wrapping. */
  count(executed: number, retired: number): void {
    this.cycles = BigInt.asUintN(64, this.cycles + BigInt(executed));
    this.instret = BigInt.asUintN(64, this.instret + BigInt(retired));
  }

  /** True if an enabled interrupt is pending, regardless of mstatus.MIE. */
  get wakeUp(): boolean {
    return (this.bus.interrupts() & this.trap.mie) !== 0;
  }

  /** Cause of the interrupt to take; undefined if there is none. */
  interruptToTake(): number | undefined {
    if ((this.trap.mstatus & MSTATUS.MIE) === 0) return undefined;
    const pending = this.bus.interrupts() & this.trap.mie;
    if (pending === 0) return undefined;
    for (
      const line of [INTERRUPT.external, INTERRUPT.software, INTERRUPT.timer]
    ) {
      if ((pending & line) !== 0) {
        return (INTERRUPT_CAUSE | Math.log2(line)) >>> 0;
      }
    }
    return undefined;
  }

  /**
   * Enters a trap.
   *
   * @returns the address of the handler
   */
  enter(cause: number, pc: number, value: number): number {
    const { trap } = this;
    trap.mepc = pc >>> 0;
    trap.mcause = cause;
    trap.mtval = value >>> 0;
    const enabled = (trap.mstatus & MSTATUS.MIE) !== 0;
    trap.mstatus = MSTATUS.MPP | (enabled ? MSTATUS.MPIE : 0);
    const base = (trap.mtvec & ~3) >>> 0;
    const isInterrupt = cause >= INTERRUPT_CAUSE;
    return isInterrupt && (trap.mtvec & 3) === VECTORED
      ? base + 4 * (cause - INTERRUPT_CAUSE)
      : base;
  }

  /**
   * Leaves a trap (MRET).
   *
   * @returns the address to continue at
   */
  leave(): number {
    const { trap } = this;
    const enabled = (trap.mstatus & MSTATUS.MPIE) !== 0;
    trap.mstatus = MSTATUS.MPP | MSTATUS.MPIE | (enabled ? MSTATUS.MIE : 0);
    return trap.mepc;
  }

  /** @returns the register's value, or undefined when it does not exist */
  read(number: number): number | undefined {
    const register = TRAP_REGISTERS.get(number);
    if (register !== undefined) return this.trap[register.name];
    switch (number) {
      case CSR.misa:
        return MISA;
      case CSR.mip:
        return this.bus.interrupts();
      case CSR.mcycle:
      case CSR.cycle:
        return lowHalf(this.cycles);
      case CSR.mcycleh:
      case CSR.cycleh:
        return highHalf(this.cycles);
      case CSR.minstret:
      case CSR.instret:
        return lowHalf(this.instret);
      case CSR.minstreth:
      case CSR.instreth:
        return highHalf(this.instret);
      case CSR.time:
        return lowHalf(this.bus.time());
      case CSR.timeh:
        return highHalf(this.bus.time());
      default:
        return ZEROS.includes(number) ? 0 : undefined;
    }
  }

  /**
   * Writes the writable bits. Counters are set to one less, because the writing
   * instruction is counted after it.
   *
   * @returns false when the register does not exist or cannot be written
   */
  write(number: number, value: number): boolean {
    const register = TRAP_REGISTERS.get(number);
    if (register !== undefined) {
      this.trap[register.name] = register.legal(value);
      return true;
    }
    switch (number) {
      case CSR.mcycle:
        this.cycles = counterBefore(withLow(this.cycles, value));
        return true;
      case CSR.mcycleh:
        this.cycles = counterBefore(withHigh(this.cycles, value));
        return true;
      case CSR.minstret:
        this.instret = counterBefore(withLow(this.instret, value));
        return true;
      case CSR.minstreth:
        this.instret = counterBefore(withHigh(this.instret, value));
        return true;
      case CSR.misa:
      case CSR.mip:
      case CSR.mstatush:
        return true;
      default:
        return false;
    }
  }
}

function counterBefore(value: bigint): bigint {
  return BigInt.asUintN(64, value - 1n);
}
