import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import { AUX_RAM, Platform } from "../../../lib/machine/devices/mod.ts";
import {
  guestProgram,
  STATUS,
  STATUS_WORD,
} from "../../../lib/machine/guest/mod.ts";
import { Sink, Source } from "../../../lib/stream/mod.ts";
import { loadState, saveState } from "../../../lib/vmstate/mod.ts";
import {
  GUEST_ERRORS,
  GUEST_RAM,
  GUEST_READY,
  TICK_NANOSECONDS,
} from "./layout.ts";

/** Guest time that passes with each instruction: 10 MIPS. */
const NANOSECONDS_AN_INSTRUCTION = 100n;

interface Memory {
  readonly ram: Uint8Array<ArrayBuffer>;
  readonly auxRam: Uint8Array<ArrayBuffer>;
}

/** The guest program on a platform whose clock counts its instructions. */
export class GuestMachine {
  readonly ram: Uint8Array<ArrayBuffer>;
  readonly auxRam: Uint8Array<ArrayBuffer>;
  readonly platform: Platform;
  output = "";
  now: bigint;
  /** Instructions executed. */
  executed = 0;

  private constructor({ ram, auxRam }: Memory, now: bigint) {
    this.ram = ram;
    this.auxRam = auxRam;
    this.now = now;
    this.platform = new Platform({
      ram,
      auxRam,
      clock: () => this.now,
      serial: (byte) => this.output += String.fromCharCode(byte),
    });
  }

  /** A machine that was just switched on. */
  static start(): GuestMachine {
    const ram = new Uint8Array(GUEST_RAM);
    ram.set(guestProgram());
    return new GuestMachine({ ram, auxRam: new Uint8Array(AUX_RAM.size) }, 0n);
  }

  /** A machine that was set up, before its first tick, with such settings. */
  static ready(settings: { busy?: 1; printEvery?: number }): GuestMachine {
    const machine = GuestMachine.start();
    while (machine.status("ready") !== GUEST_READY) machine.slice(100);
    for (const [word, value] of Object.entries(settings)) {
      machine.setWord(STATUS + STATUS_WORD[word as "busy"], value);
    }
    return machine;
  }

  /** Another machine on the same memory, its state moved as a stream. */
  moved(): GuestMachine {
    return this.#movedTo(this);
  }

  /** A machine in the same state that shares nothing with this one. */
  copied(): GuestMachine {
    return this.#movedTo({
      ram: this.ram.slice(),
      auxRam: this.auxRam.slice(),
    });
  }

  #movedTo(memory: Memory): GuestMachine {
    const moved = new GuestMachine(memory, this.now);
    moved.load(this.save());
    return moved;
  }

  /** Loads what {@linkcode save} gave. */
  load(states: readonly Uint8Array[]): void {
    for (const [index, device] of this.platform.devices().entries()) {
      const source = new Source(states[index] ?? new Uint8Array());
      device.load(loadState(device.state, source));
      if (source.remaining > 0) throw new Error("State has bytes left over");
    }
  }

  /** Every device's state as the stream has it. */
  save(): Uint8Array[] {
    return this.platform.devices().map(({ state, save }) => {
      const sink = new Sink();
      saveState(state, save(), sink);
      return sink.toBytes();
    });
  }

  /** Runs one slice; where the guest waits, time goes on to what is next. */
  slice(instructions: number): void {
    const { executed, reason } = this.platform.run(instructions);
    this.executed += executed;
    this.now += BigInt(executed) * NANOSECONDS_AN_INSTRUCTION;
    if (reason !== "wfi" || !this.platform.waiting) return;
    const deadline = this.platform.nextDeadline();
    if (deadline === null) throw new Error("The guest waits for nothing");
    if (deadline > this.now) this.now = deadline;
  }

  /** Runs until guest time has gone on by this much. */
  runFor(nanoseconds: bigint, slice = 1000): void {
    const end = this.now + nanoseconds;
    while (this.now < end) this.slice(slice);
  }

  runTicks(ticks: number, slice = 1000): void {
    this.runFor(BigInt(ticks) * TICK_NANOSECONDS, slice);
  }

  word(address: number): number {
    return new DataView(this.ram.buffer).getUint32(address - RAM_BASE, true);
  }

  setWord(address: number, value: number): void {
    new DataView(this.ram.buffer).setUint32(address - RAM_BASE, value, true);
  }

  status(word: keyof typeof STATUS_WORD): number {
    return this.word(STATUS + STATUS_WORD[word]);
  }

  /** Name of the error that the guest noted. */
  get error(): string {
    const code = this.status("error");
    return GUEST_ERRORS[code] ?? `${code}`;
  }
}
