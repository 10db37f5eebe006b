import {
  Hart,
  type HartBus,
  RAM_BASE,
  type RunResult,
  type Width,
} from "../../../lib/machine/cpu/mod.ts";
import { assembled } from "../assembled.ts";
import { register } from "../registers.ts";

/** Where the tests put their trap handler; it does nothing unless replaced. */
export const HANDLER = RAM_BASE + 0x400;
/** Where the tests put data. */
export const DATA = RAM_BASE + 0x800;

/** RAM, one word of "device" at address 0x1000, and lines to pull. */
export class TestBus implements HartBus {
  readonly ram = new Uint8Array(4096);
  readonly dirty = new Uint8Array(1);
  lines = 0;
  ticks = 0n;
  stopRequested = false;
  deviceWord = 0;
  readonly stores: { address: number; width: Width; value: number }[] = [];

  load(address: number, width: Width): number | undefined {
    return address >= 0x1000 && address + width <= 0x1004
      ? this.deviceWord >> 8 * (address & 3)
      : undefined;
  }

  store(address: number, width: Width, value: number): boolean {
    if (address < 0x1000 || address + width > 0x1004) return false;
    this.stores.push({ address, width, value });
    if (value === 0x5555) this.stopRequested = true;
    return true;
  }

  interrupts(): number {
    return this.lines;
  }

  time(): bigint {
    return this.ticks;
  }
}

/** A hart with a program in its RAM. */
export class TestHart {
  readonly bus = new TestBus();
  readonly hart = new Hart(this.bus);
  #length = 0;

  constructor(program: string) {
    this.load(".rept 64; nop; .endr", HANDLER);
    this.load(program);
  }

  /** Puts a program at an address and the pc to its first instruction. */
  load(program: string, address = RAM_BASE): void {
    const bytes = assembled(program);
    this.#length = bytes.length / 4;
    this.bus.ram.set(bytes, address - RAM_BASE);
    this.set({ pc: address });
  }

  /** Sets the pc, and registers by their ABI names. */
  set(values: { pc?: number; x?: Readonly<Record<string, number>> }): void {
    const state = this.hart.snapshot();
    const x = [...state.x];
    for (const [name, value] of Object.entries(values.x ?? {})) {
      x[register(name)] = value;
    }
    this.hart.restore({ ...state, x, pc: values.pc ?? state.pc });
  }

  /** Which of the program's instructions have made the page dirty. */
  dirtySteps(): number[] {
    return Array.from({ length: this.#length }, () => {
      this.bus.dirty.fill(0);
      this.run(1);
      return this.bus.dirty[0] ?? NaN;
    });
  }

  /** Runs as many steps as the last program loaded has instructions. */
  run(steps = this.#length): RunResult {
    return this.hart.run(steps);
  }

  get state(): ReturnType<Hart["snapshot"]> {
    return this.hart.snapshot();
  }

  /** A register as a signed number. */
  x(name: string): number {
    return (this.state.x[register(name)] ?? NaN) | 0;
  }

  word(address: number): number {
    return new DataView(this.bus.ram.buffer)
      .getInt32(address - RAM_BASE, true);
  }

  setWord(address: number, value: number): void {
    new DataView(this.bus.ram.buffer)
      .setInt32(address - RAM_BASE, value, true);
  }
}

/** Runs a program to its end and gives its hart. */
export function ran(program: string): TestHart {
  const hart = new TestHart(program);
  hart.run();
  return hart;
}
