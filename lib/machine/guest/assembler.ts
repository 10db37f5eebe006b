import {
  formatB,
  formatI,
  formatJ,
  formatR,
  formatS,
  formatU,
  requireUnsigned,
} from "./formats.ts";
import { ra, type Register, zero } from "./registers.ts";

const OP = 0x33;
const OP_IMM = 0x13;
const LOAD = 0x03;
const STORE = 0x23;
const BRANCH = 0x63;
const AMO = 0x2f;
const SYSTEM = 0x73;

/** A place in the program, which may be used before it is bound. */
export class Label {
  address: number | undefined;

  constructor(readonly name: string) {}
}

/** A word that depends on labels: made when all of them are bound. */
interface Pending {
  readonly index: number;
  readonly target: Label;
  readonly encode: (target: number, at: number) => number;
}

/**
 * Assembles RV32IMA from method calls, one a machine instruction, and the few
 * pseudo-instructions that programs here need.
 *
 * @example
 * ```ts
 * import { Assembler, t0, zero } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const a = new Assembler(0x8000_0000);
 * a.li(t0, 3);
 * const loop = a.here("loop");
 * a.addi(t0, t0, -1);
 * a.bne(t0, zero, loop);
 * assertEquals(a.finish().length, 12);
 * ```
 */
export class Assembler {
  readonly #words: number[] = [];
  readonly #pending: Pending[] = [];

  constructor(
    /** Address of the first instruction. */
    readonly base: number,
  ) {}

  /** Address of the next instruction. */
  get address(): number {
    return this.base + 4 * this.#words.length;
  }

  /** A label to bind later. */
  label(name: string): Label {
    return new Label(name);
  }

  /** A label of the next instruction. */
  here(name: string): Label {
    const label = new Label(name);
    this.bind(label);
    return label;
  }

  /** @throws {TypeError} when the label has a place already */
  bind(label: Label): void {
    if (label.address !== undefined) {
      throw new TypeError(`Cannot bind label "${label.name}" twice`);
    }
    label.address = this.address;
  }

  /** Literal words, such as data. */
  word(...words: readonly number[]): void {
    for (const word of words) {
      requireUnsigned(word, 32);
      this.#words.push(word);
    }
  }

  /** Text with a final NUL, padded with NULs to whole words. */
  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const padded = new Uint8Array((bytes.length >> 2) * 4 + 4);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    for (let at = 0; at < padded.length; at += 4) {
      this.word(view.getUint32(at, true));
    }
  }

  /**
   * The program, little-endian.
   *
   * @throws {TypeError} when a label was used and never bound
   * @throws {RangeError} when a label is out of its instruction's reach
   */
  finish(): Uint8Array<ArrayBuffer> {
    const words = [...this.#words];
    for (const { index, target, encode } of this.#pending) {
      if (target.address === undefined) {
        throw new TypeError(`Label "${target.name}" was never bound`);
      }
      words[index] = encode(target.address, this.base + 4 * index);
    }
    const bytes = new Uint8Array(4 * words.length);
    const view = new DataView(bytes.buffer);
    for (const [index, word] of words.entries()) {
      view.setUint32(4 * index, word, true);
    }
    return bytes;
  }

  #later(target: Label, encode: Pending["encode"]): void {
    this.#pending.push({ index: this.#words.length, target, encode });
    this.#words.push(0);
  }

  #branch(funct3: number, rs1: Register, rs2: Register, target: Label): void {
    this.#later(
      target,
      (address, at) => formatB(BRANCH, funct3, rs1, rs2, address - at),
    );
  }

  #shift(
    funct3: number,
    funct7: number,
    rd: Register,
    rs1: Register,
    amount: number,
  ): void {
    requireUnsigned(amount, 5);
    this.word(formatI(OP_IMM, funct3, rd, rs1, funct7 << 5 | amount));
  }

  #csr(
    funct3: number,
    rd: Register,
    csr: number,
    source: number,
  ): void {
    requireUnsigned(csr, 12);
    requireUnsigned(source, 5);
    this.word(
      (csr << 20 | source << 15 | funct3 << 12 | rd << 7 | SYSTEM) >>> 0,
    );
  }

  #atomic(
    funct5: number,
    rd: Register,
    rs2: Register,
    address: Register,
  ): void {
    this.word(formatR(AMO, 2, funct5 << 2, rd, address, rs2));
  }

  lui(rd: Register, upper: number): void {
    this.word(formatU(0x37, rd, upper));
  }
  auipc(rd: Register, upper: number): void {
    this.word(formatU(0x17, rd, upper));
  }
  jal(rd: Register, target: Label): void {
    this.#later(target, (address, at) => formatJ(0x6f, rd, address - at));
  }
  jalr(rd: Register, rs1: Register, offset: number): void {
    this.word(formatI(0x67, 0, rd, rs1, offset));
  }

  beq(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(0, rs1, rs2, target);
  }
  bne(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(1, rs1, rs2, target);
  }
  blt(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(4, rs1, rs2, target);
  }
  bge(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(5, rs1, rs2, target);
  }
  bltu(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(6, rs1, rs2, target);
  }
  bgeu(rs1: Register, rs2: Register, target: Label): void {
    this.#branch(7, rs1, rs2, target);
  }

  lb(rd: Register, offset: number, base: Register): void {
    this.word(formatI(LOAD, 0, rd, base, offset));
  }
  lh(rd: Register, offset: number, base: Register): void {
    this.word(formatI(LOAD, 1, rd, base, offset));
  }
  lw(rd: Register, offset: number, base: Register): void {
    this.word(formatI(LOAD, 2, rd, base, offset));
  }
  lbu(rd: Register, offset: number, base: Register): void {
    this.word(formatI(LOAD, 4, rd, base, offset));
  }
  lhu(rd: Register, offset: number, base: Register): void {
    this.word(formatI(LOAD, 5, rd, base, offset));
  }
  sb(source: Register, offset: number, base: Register): void {
    this.word(formatS(STORE, 0, base, source, offset));
  }
  sh(source: Register, offset: number, base: Register): void {
    this.word(formatS(STORE, 1, base, source, offset));
  }
  sw(source: Register, offset: number, base: Register): void {
    this.word(formatS(STORE, 2, base, source, offset));
  }

  addi(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 0, rd, rs1, immediate));
  }
  slti(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 2, rd, rs1, immediate));
  }
  sltiu(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 3, rd, rs1, immediate));
  }
  xori(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 4, rd, rs1, immediate));
  }
  ori(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 6, rd, rs1, immediate));
  }
  andi(rd: Register, rs1: Register, immediate: number): void {
    this.word(formatI(OP_IMM, 7, rd, rs1, immediate));
  }
  slli(rd: Register, rs1: Register, amount: number): void {
    this.#shift(1, 0x00, rd, rs1, amount);
  }
  srli(rd: Register, rs1: Register, amount: number): void {
    this.#shift(5, 0x00, rd, rs1, amount);
  }
  srai(rd: Register, rs1: Register, amount: number): void {
    this.#shift(5, 0x20, rd, rs1, amount);
  }

  add(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 0, 0x00, rd, rs1, rs2));
  }
  sub(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 0, 0x20, rd, rs1, rs2));
  }
  sll(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 1, 0x00, rd, rs1, rs2));
  }
  slt(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 2, 0x00, rd, rs1, rs2));
  }
  sltu(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 3, 0x00, rd, rs1, rs2));
  }
  xor(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 4, 0x00, rd, rs1, rs2));
  }
  srl(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 5, 0x00, rd, rs1, rs2));
  }
  sra(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 5, 0x20, rd, rs1, rs2));
  }
  or(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 6, 0x00, rd, rs1, rs2));
  }
  and(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 7, 0x00, rd, rs1, rs2));
  }

  mul(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 0, 0x01, rd, rs1, rs2));
  }
  mulh(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 1, 0x01, rd, rs1, rs2));
  }
  mulhsu(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 2, 0x01, rd, rs1, rs2));
  }
  mulhu(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 3, 0x01, rd, rs1, rs2));
  }
  div(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 4, 0x01, rd, rs1, rs2));
  }
  divu(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 5, 0x01, rd, rs1, rs2));
  }
  rem(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 6, 0x01, rd, rs1, rs2));
  }
  remu(rd: Register, rs1: Register, rs2: Register): void {
    this.word(formatR(OP, 7, 0x01, rd, rs1, rs2));
  }

  lrw(rd: Register, address: Register): void {
    this.#atomic(0x02, rd, zero, address);
  }
  scw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x03, rd, source, address);
  }
  amoswapw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x01, rd, source, address);
  }
  amoaddw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x00, rd, source, address);
  }
  amoxorw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x04, rd, source, address);
  }
  amoorw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x08, rd, source, address);
  }
  amoandw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x0c, rd, source, address);
  }
  amominw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x10, rd, source, address);
  }
  amomaxw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x14, rd, source, address);
  }
  amominuw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x18, rd, source, address);
  }
  amomaxuw(rd: Register, source: Register, address: Register): void {
    this.#atomic(0x1c, rd, source, address);
  }

  fence(): void {
    this.word(0x0ff0_000f);
  }
  ecall(): void {
    this.word(0x0000_0073);
  }
  ebreak(): void {
    this.word(0x0010_0073);
  }
  mret(): void {
    this.word(0x3020_0073);
  }
  wfi(): void {
    this.word(0x1050_0073);
  }

  csrrw(rd: Register, csr: number, rs1: Register): void {
    this.#csr(1, rd, csr, rs1);
  }
  csrrs(rd: Register, csr: number, rs1: Register): void {
    this.#csr(2, rd, csr, rs1);
  }
  csrrc(rd: Register, csr: number, rs1: Register): void {
    this.#csr(3, rd, csr, rs1);
  }
  csrrwi(rd: Register, csr: number, immediate: number): void {
    this.#csr(5, rd, csr, immediate);
  }
  csrrsi(rd: Register, csr: number, immediate: number): void {
    this.#csr(6, rd, csr, immediate);
  }
  csrrci(rd: Register, csr: number, immediate: number): void {
    this.#csr(7, rd, csr, immediate);
  }

  /** Loads any 32-bit value, signed or unsigned, in one or two instructions. */
  li(rd: Register, value: number): void {
    if (value !== (value | 0) && value !== value >>> 0) {
      throw new RangeError(`Cannot load "${value}": not in 32 bits`);
    }
    const low = value << 20 >> 20;
    const upper = (value - low) >>> 12 & 0xfffff;
    if (upper === 0) return this.addi(rd, zero, low);
    this.lui(rd, upper);
    if (low !== 0) this.addi(rd, rd, low);
  }

  /** Loads a label's address, relative to the pc. */
  la(rd: Register, target: Label): void {
    const at = this.address;
    this.#later(target, (address) => {
      const distance = address - at;
      return formatU(0x17, rd, (distance + 0x800) >>> 12 & 0xfffff);
    });
    this.#later(target, (address) => {
      const distance = address - at;
      return formatI(OP_IMM, 0, rd, rd, distance << 20 >> 20);
    });
  }

  mv(rd: Register, rs1: Register): void {
    this.addi(rd, rs1, 0);
  }
  not(rd: Register, rs1: Register): void {
    this.xori(rd, rs1, -1);
  }
  nop(): void {
    this.addi(zero, zero, 0);
  }
  j(target: Label): void {
    this.jal(zero, target);
  }
  call(target: Label): void {
    this.jal(ra, target);
  }
  ret(): void {
    this.jalr(zero, ra, 0);
  }
  beqz(rs1: Register, target: Label): void {
    this.beq(rs1, zero, target);
  }
  bnez(rs1: Register, target: Label): void {
    this.bne(rs1, zero, target);
  }
  csrr(rd: Register, csr: number): void {
    this.csrrs(rd, csr, zero);
  }
  csrw(csr: number, rs1: Register): void {
    this.csrrw(zero, csr, rs1);
  }
}
