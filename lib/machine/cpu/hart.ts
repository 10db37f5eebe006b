/**
 * One RISC-V hart: RV32IMA with Zicsr, machine mode only, little-endian.
 *
 * ```
 *            run(budget)
 *               │
 *    ┌──────────▼──────────┐ pending and enabled   ┌────────────┐
 *    │ fetch, decode, act  │──────────────────────▶│ trap entry │
 *    └──────────┬──────────┘◀──────────────────────└────────────┘
 *               │ MMIO, CSR write or MRET: check interrupts again
 *               ▼
 *      "budget" │ "wfi" │ "halt"
 * ```
 *
 * Interrupt lines are sampled at the start of a slice and after instructions by
 * which the guest can change them, not between. As the clock does not advance
 * during a slice, execution does not depend on the length of slices.
 * Misaligned loads and stores trap.
 *
 * @module
 */

import {
  atomicOperation,
  branchTaken,
  integerOperation,
  multiplyDivide,
} from "./arithmetic.ts";
import {
  type HartBus,
  MAXIMUM_RAM,
  PAGE_BITS,
  RAM_BASE,
  type Width,
} from "./bus.ts";
import { ControlRegisters } from "./control.ts";
import { CAUSE } from "./csr.ts";
import { type HartState, resetTrap } from "./state.ts";

/** Why a slice ended. */
export type StopReason = "budget" | "wfi" | "halt";

export interface RunResult {
  /** Instructions executed, including those that trapped. */
  readonly executed: number;
  readonly reason: StopReason;
}

const ECALL = 0x0000_0073;
const EBREAK = 0x0010_0073;
const MRET = 0x3020_0073;
const WFI = 0x1050_0073;

const WIDTHS: readonly Width[] = [1, 2, 4];

export class Hart {
  readonly #bus: HartBus;
  readonly #control: ControlRegisters;
  readonly #x = new Int32Array(32);
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #words: Int32Array;
  readonly #dirty: Uint8Array;
  #pc = 0;
  #waiting = false;
  #reservation: number | undefined;
  /** The mtval of a trapping instruction. */
  #trapValue = 0;

  /** @throws {RangeError} when the RAM's size or alignment is not supported */
  constructor(bus: HartBus) {
    const { buffer, byteOffset, length } = bus.ram;
    if (length === 0 || length % 4 !== 0 || length > MAXIMUM_RAM) {
      throw new RangeError(`Cannot use ${length} bytes as guest RAM`);
    }
    this.#bus = bus;
    this.#control = new ControlRegisters(bus);
    this.#bytes = bus.ram;
    this.#halves = new Uint16Array(buffer, byteOffset, length / 2);
    this.#words = new Int32Array(buffer, byteOffset, length / 4);
    this.#dirty = bus.dirty ?? new Uint8Array((length >>> PAGE_BITS) + 1);
    this.reset();
  }

  /** Resets all registers; the pc is the start of RAM. */
  reset(): void {
    this.#x.fill(0);
    this.#pc = RAM_BASE | 0;
    this.#waiting = false;
    this.#reservation = undefined;
    this.#control.trap = resetTrap();
    this.#control.cycles = 0n;
    this.#control.instret = 0n;
  }

  /** A copy of all state. */
  snapshot(): HartState {
    return {
      pc: this.#pc >>> 0,
      x: Array.from(this.#x, (value) => value >>> 0),
      trap: { ...this.#control.trap },
      cycles: this.#control.cycles,
      instret: this.#control.instret,
      waiting: this.#waiting,
      ...this.#reservation === undefined
        ? {}
        : { reservation: { address: this.#reservation } },
    };
  }

  /** Loads a state that its description has checked. */
  restore(state: HartState): void {
    this.#pc = state.pc | 0;
    this.#x.set(state.x);
    this.#control.trap = { ...state.trap };
    this.#control.cycles = state.cycles;
    this.#control.instret = state.instret;
    this.#waiting = state.waiting;
    this.#reservation = state.reservation?.address;
  }

  /** True while the hart waits for an interrupt. */
  get waiting(): boolean {
    return this.#waiting && !this.#control.wakeUp;
  }

  /**
   * Runs up to `budget` instructions; fewer if the guest waits for an interrupt
   * or has requested a stop.
   */
  run(budget: number): RunResult {
    if (this.#bus.stopRequested) return { executed: 0, reason: "halt" };
    if (this.waiting) return { executed: 0, reason: "wfi" };
    this.#waiting = false;

    const x = this.#x;
    const words = this.#words;
    const dirty = this.#dirty;
    const size = this.#bytes.length;
    const control = this.#control;
    let pc = this.#pc;
    let executed = 0;
    let counted = 0;
    let traps = 0;
    let reason: StopReason = "budget";
    let lookAtInterrupts = true;

    // Register numbers are five bits and RAM offsets are compared with the
    // size, so every `!` below stands on an index that is in range.
    while (executed < budget) {
      if (lookAtInterrupts) {
        lookAtInterrupts = false;
        const interrupt = control.interruptToTake();
        if (interrupt !== undefined) pc = control.enter(interrupt, pc, 0) | 0;
      }
      const offset = (pc ^ RAM_BASE) >>> 0;
      const instruction = offset < size ? words[offset >>> 2]! : 0;
      let next = (pc + 4) | 0;
      let cause = -1;
      const rd = instruction >> 7 & 31;
      const funct3 = instruction >> 12 & 7;
      const funct7 = instruction >>> 25;
      const immediate = instruction >> 20;
      const a = x[instruction >> 15 & 31]!;
      const b = x[immediate & 31]!;

      switch (instruction & 0x7f) {
        case 0x13: { // OP-IMM
          const isShift = (funct3 & 3) === 1;
          const alternate = funct3 === 5 && funct7 === 0x20;
          if (isShift && funct7 !== 0 && !alternate) {
            cause = CAUSE.illegalInstruction;
          } else x[rd] = integerOperation(funct3, alternate, a, immediate);
          break;
        }
        case 0x33: // OP
          if (funct7 === 1) x[rd] = multiplyDivide(funct3, a, b);
          else if (
            funct7 === 0 || funct7 === 0x20 && (funct3 === 0 || funct3 === 5)
          ) x[rd] = integerOperation(funct3, funct7 !== 0, a, b);
          else cause = CAUSE.illegalInstruction;
          break;
        case 0x63: { // BRANCH
          const taken = branchTaken(funct3, a, b);
          if (taken) {
            next = (pc + branchOffset(instruction)) | 0;
            if ((next & 3) !== 0) cause = this.#misaligned(next);
          } else if (taken === undefined) cause = CAUSE.illegalInstruction;
          break;
        }
        case 0x03: { // LOAD
          const address = a + immediate | 0;
          const place = (address ^ RAM_BASE) >>> 0;
          if (funct3 === 2 && (address & 3) === 0 && place < size) {
            x[rd] = words[place >>> 2]!;
          } else cause = this.#load(instruction, address);
          lookAtInterrupts = place >= size;
          break;
        }
        case 0x23: { // STORE
          const address = a + (instruction >> 25 << 5 | rd) | 0;
          const place = (address ^ RAM_BASE) >>> 0;
          if (funct3 === 2 && (address & 3) === 0 && place < size) {
            words[place >>> 2] = b;
            dirty[place >>> PAGE_BITS] = 1;
          } else cause = this.#store(funct3, address, b);
          lookAtInterrupts = place >= size;
          break;
        }
        case 0x37: // LUI
          x[rd] = instruction & ~0xfff;
          break;
        case 0x17: // AUIPC
          x[rd] = pc + (instruction & ~0xfff);
          break;
        case 0x6f: { // JAL
          const target = (pc + jumpOffset(instruction)) | 0;
          if ((target & 3) !== 0) cause = this.#misaligned(target);
          else {
            x[rd] = next;
            next = target;
          }
          break;
        }
        case 0x67: { // JALR
          const target = a + immediate & ~1;
          if (funct3 !== 0) cause = CAUSE.illegalInstruction;
          else if ((target & 3) !== 0) cause = this.#misaligned(target);
          else {
            x[rd] = next;
            next = target;
          }
          break;
        }
        case 0x0f: // MISC-MEM: one hart in order needs no fences
          if (funct3 > 1) cause = CAUSE.illegalInstruction;
          break;
        case 0x2f: // AMO
          cause = this.#atomic(instruction);
          break;
        case 0x73: // SYSTEM
          control.count(executed - counted, executed - counted - traps);
          counted = executed;
          traps = 0;
          lookAtInterrupts = true;
          if (instruction === MRET) next = control.leave() | 0;
          else if (instruction === WFI) this.#waiting = !control.wakeUp;
          else cause = this.#system(instruction);
          break;
        default:
          cause = CAUSE.illegalInstruction;
      }
      x[0] = 0;
      executed++;
      if (cause >= 0) {
        traps++;
        lookAtInterrupts = true;
        if (offset >= size) {
          cause = CAUSE.instructionFault;
          this.#trapValue = pc;
        } else if (cause === CAUSE.illegalInstruction) {
          const isShort = (instruction & 3) !== 3;
          this.#trapValue = isShort ? instruction & 0xffff : instruction;
        }
        next = control.enter(cause, pc, this.#trapValue) | 0;
      }
      pc = next;
      if (this.#waiting) {
        reason = "wfi";
        break;
      }
      if (lookAtInterrupts && this.#bus.stopRequested) {
        reason = "halt";
        break;
      }
    }
    control.count(executed - counted, executed - counted - traps);
    this.#pc = pc;
    return { executed, reason };
  }

  #misaligned(target: number): number {
    this.#trapValue = target;
    return CAUSE.instructionMisaligned;
  }

  /** Every load but an aligned word in RAM. */
  #load(instruction: number, address: number): number {
    const funct3 = instruction >> 12 & 7;
    const width = WIDTHS[funct3 & 3];
    const isUnsigned = (funct3 & 4) !== 0;
    if (width === undefined || isUnsigned && width === 4) {
      return CAUSE.illegalInstruction;
    }
    this.#trapValue = address;
    if ((address & width - 1) !== 0) return CAUSE.loadMisaligned;
    const value = this.#read(address, width);
    if (value === undefined) return CAUSE.loadFault;
    const unused = 32 - 8 * width;
    this.#x[instruction >> 7 & 31] = isUnsigned
      ? value << unused >>> unused
      : value << unused >> unused;
    return -1;
  }

  #read(address: number, width: Width): number | undefined {
    const place = (address ^ RAM_BASE) >>> 0;
    if (place >= this.#bytes.length) {
      return this.#bus.load(address >>> 0, width);
    }
    if (width === 1) return this.#bytes[place];
    if (width === 2) return this.#halves[place >>> 1];
    return this.#words[place >>> 2];
  }

  /** Every store but an aligned word in RAM. */
  #store(funct3: number, address: number, value: number): number {
    const width = WIDTHS[funct3];
    if (width === undefined) return CAUSE.illegalInstruction;
    this.#trapValue = address;
    if ((address & width - 1) !== 0) return CAUSE.storeMisaligned;
    const place = (address ^ RAM_BASE) >>> 0;
    if (place >= this.#bytes.length) {
      const answered = this.#bus.store(address >>> 0, width, value);
      return answered ? -1 : CAUSE.storeFault;
    }
    this.#dirty[place >>> PAGE_BITS] = 1;
    if (width === 1) this.#bytes[place] = value;
    else if (width === 2) this.#halves[place >>> 1] = value;
    else this.#words[place >>> 2] = value;
    return -1;
  }

  /** LR, SC and the atomic operations, on aligned words in RAM only. */
  #atomic(instruction: number): number {
    const funct5 = instruction >>> 27;
    const rs2 = instruction >> 20 & 31;
    const isLoadReserved = funct5 === 0x02;
    if (
      (instruction >> 12 & 7) !== 2 || isLoadReserved && rs2 !== 0
    ) return CAUSE.illegalInstruction;

    const address = this.#x[instruction >> 15 & 31]!;
    const operand = this.#x[rs2]!;
    const rd = instruction >> 7 & 31;
    const isStoreConditional = funct5 === 0x03;
    const place = (address ^ RAM_BASE) >>> 0;
    const memory = place < this.#bytes.length ? this.#words[place >>> 2]! : 0;
    const result = isStoreConditional
      ? operand
      : isLoadReserved
      ? memory
      : atomicOperation(funct5, memory, operand);
    if (result === undefined) return CAUSE.illegalInstruction;

    this.#trapValue = address;
    if ((address & 3) !== 0) {
      return isLoadReserved ? CAUSE.loadMisaligned : CAUSE.storeMisaligned;
    }
    if (place >= this.#bytes.length) {
      return isLoadReserved ? CAUSE.loadFault : CAUSE.storeFault;
    }
    if (isLoadReserved) {
      this.#reservation = address >>> 0;
      this.#x[rd] = memory;
    } else if (isStoreConditional) {
      const succeeds = this.#reservation === address >>> 0;
      this.#reservation = undefined;
      if (succeeds) this.#setWord(place, result);
      this.#x[rd] = succeeds ? 0 : 1;
    } else {
      this.#setWord(place, result);
      this.#x[rd] = memory;
    }
    return -1;
  }

  #setWord(place: number, value: number): void {
    this.#words[place >>> 2] = value;
    this.#dirty[place >>> PAGE_BITS] = 1;
  }

  /** ECALL, EBREAK and the CSR instructions. */
  #system(instruction: number): number {
    this.#trapValue = 0;
    if (instruction === ECALL) return CAUSE.machineCall;
    if (instruction === EBREAK) return CAUSE.breakpoint;
    const funct3 = instruction >> 12 & 7;
    const operation = funct3 & 3;
    if (operation === 0) return CAUSE.illegalInstruction;

    const number = instruction >>> 20;
    const rs1 = instruction >> 15 & 31;
    const operand = (funct3 & 4) !== 0 ? rs1 : this.#x[rs1]!;
    const old = this.#control.read(number);
    if (old === undefined) return CAUSE.illegalInstruction;
    if (operation === 1 || rs1 !== 0) {
      const value = operation === 1
        ? operand
        : operation === 2
        ? old | operand
        : old & ~operand;
      if (!this.#control.write(number, value)) return CAUSE.illegalInstruction;
    }
    this.#x[instruction >> 7 & 31] = old;
    return -1;
  }
}

function branchOffset(instruction: number): number {
  return instruction >> 31 << 12 | (instruction << 4 & 0x800) |
    (instruction >> 20 & 0x7e0) | (instruction >> 7 & 0x1e);
}

function jumpOffset(instruction: number): number {
  return instruction >> 31 << 20 | (instruction & 0xff000) |
    (instruction >> 9 & 0x800) | (instruction >> 20 & 0x7fe);
}
