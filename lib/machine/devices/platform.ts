import { Hart, hartState, INTERRUPT, type RunResult } from "../cpu/mod.ts";
import type { DeviceEntry } from "../../migration/mod.ts";
import type { VmState } from "../../vmstate/mod.ts";
import { AddressSpace } from "./address_space.ts";
import { Clint, clintState } from "./clint.ts";
import type { Clock } from "./device.ts";
import { DigestEngine, digestState } from "./digest.ts";
import { Finisher, type StopRequest } from "./finisher.ts";
import {
  AUX_RAM,
  CLINT,
  DIGEST,
  DIGEST_SOURCE,
  FINISHER,
  PLIC,
  UART,
  UART_SOURCE,
} from "./memory_map.ts";
import { MemoryWindow } from "./memory_window.ts";
import { Plic, plicState } from "./plic.ts";
import { Uart, uartState } from "./uart.ts";

/** Options of {@linkcode Platform}. */
export interface PlatformOptions {
  /** Main RAM; must stay mapped while the platform is used. */
  readonly ram: Uint8Array;
  /** Auxiliary RAM, of the memory map's size. */
  readonly auxRam: Uint8Array;
  /** Set to 1 for each page of RAM that is written to; see {@linkcode Hart}. */
  readonly dirty?: Uint8Array;
  /** The same for auxiliary RAM. */
  readonly auxDirty?: Uint8Array;
  readonly clock: Clock;
  /** Receives each byte that the guest sends over its serial port. */
  readonly serial: (byte: number) => void;
}

/** A hart and its devices: the machine without its memory. */
export class Platform {
  readonly #hart: Hart;
  readonly #clint: Clint;
  readonly #plic = new Plic();
  readonly #uart: Uart;
  readonly #digest: DigestEngine;
  readonly #finisher = new Finisher();

  /** @throws {RangeError} when the size of a memory is not supported */
  constructor(options: PlatformOptions) {
    const { ram, auxRam, dirty, auxDirty, clock, serial } = options;
    if (auxRam.length !== AUX_RAM.size) {
      throw new RangeError(`Auxiliary RAM has ${AUX_RAM.size} bytes`);
    }
    this.#clint = new Clint(clock);
    this.#uart = new Uart(clock, serial);
    this.#digest = new DigestEngine(clock, ram, dirty);

    const space = new AddressSpace();
    space.attach(FINISHER, this.#finisher);
    space.attach(CLINT, this.#clint);
    space.attach(PLIC, this.#plic);
    space.attach(UART, this.#uart);
    space.attach(DIGEST, this.#digest);
    space.attach(AUX_RAM, new MemoryWindow(auxRam, auxDirty));

    const finisher = this.#finisher;
    this.#hart = new Hart({
      ram,
      ...dirty === undefined ? {} : { dirty },
      load: (address, width) => space.load(address, width),
      store: (address, width, value) => space.store(address, width, value),
      interrupts: () => this.#interrupts(),
      time: () => this.#clint.mtime,
      get stopRequested() {
        return finisher.request !== undefined;
      },
    });
  }

  /** Runs at most `budget` instructions. */
  run(budget: number): RunResult {
    return this.#hart.run(budget);
  }

  /** True while the guest waits for an interrupt. */
  get waiting(): boolean {
    return this.#hart.waiting;
  }

  /** Receives a character; false if it was lost because the FIFO is full. */
  receive(byte: number): boolean {
    return this.#uart.receive(byte);
  }

  /** Takes the pending request of the guest. */
  takeStopRequest(): StopRequest | undefined {
    return this.#finisher.take();
  }

  /**
   * Guest time of the next deadline of a device, which may wake the guest; null
   * if there is none before input comes.
   */
  nextDeadline(): bigint | null {
    let next: bigint | null = null;
    for (const device of [this.#clint, this.#uart, this.#digest]) {
      const deadline = device.nextDeadline();
      if (deadline !== null && (next === null || deadline < next)) {
        next = deadline;
      }
    }
    return next;
  }

  /**
   * Guest time at which to run again: 0 for at once, null if the guest waits for
   * input only. The order of the two checks matters: the clock runs, and a
   * deadline that is reached between them is noticed by the second.
   */
  nextRun(): bigint | null {
    const deadline = this.nextDeadline();
    return this.waiting ? deadline : 0n;
  }

  /**
   * Makes the devices do all that is due, which they otherwise do when they are
   * accessed. After this they write to no memory while the clock is stopped.
   */
  settle(): void {
    this.nextDeadline();
  }

  /** Resets hart and devices; memory stays. */
  reset(): void {
    this.#finisher.take();
    const devices = [this.#clint, this.#plic, this.#uart, this.#digest];
    for (const part of [this.#hart, ...devices]) part.reset();
  }

  /** Everything with state, in the order of the stream. */
  devices(): readonly DeviceEntry[] {
    return [
      entry(hartState, this.#hart),
      entry(clintState, this.#clint),
      entry(plicState, this.#plic),
      entry(uartState, this.#uart),
      entry(digestState, this.#digest),
    ];
  }

  /** The lines into the hart, as bits of mip. */
  #interrupts(): number {
    this.#plic.raise(
      (this.#uart.interrupt ? 1 << UART_SOURCE : 0) |
        (this.#digest.interrupt ? 1 << DIGEST_SOURCE : 0),
    );
    return (this.#clint.softwareInterrupt ? INTERRUPT.software : 0) |
      (this.#clint.timerInterrupt ? INTERRUPT.timer : 0) |
      (this.#plic.interrupt ? INTERRUPT.external : 0);
  }
}

function entry<V extends object>(
  state: VmState<V>,
  device: { snapshot(): V; restore(value: V): void },
): DeviceEntry<V> {
  return {
    idstr: state.name,
    instanceId: 0,
    state,
    save: () => device.snapshot(),
    load: (value) => device.restore(value),
  };
}
