import type { DeviceEntry } from "../migration/mod.ts";
import { i64, InvalidValue, type Value, vmstate } from "../vmstate/mod.ts";
import { VirtualClock } from "./clock.ts";
import { Platform, type PlatformOptions } from "./devices/mod.ts";
import {
  guestProgram,
  type GuestStatus,
  readGuestStatus,
} from "./guest/mod.ts";
import type { MainLoop } from "./main_loop.ts";

/** Some 0.3 ms, the longest that a slice delays the monitor. */
const SLICE_INSTRUCTIONS = 10_000;

/** Guest time; saved before the devices, whose deadlines refer to it. */
const clockState = vmstate("clock", { version: 1 }, { nanoseconds: i64() }, {
  postLoad({ nanoseconds }) {
    if (nanoseconds < 0n) throw new InvalidValue("nanoseconds is negative");
  },
});

/** Options of {@linkcode Board}. */
export interface BoardOptions extends Omit<PlatformOptions, "clock"> {
  readonly loop: MainLoop;
  /** Called when the guest powers the machine off. */
  readonly onPowerOff: () => void;
}

/** The platform with its clock; runs the hart in slices. */
export class Board {
  readonly #clock = new VirtualClock();
  readonly #platform: Platform;
  /** Guest time of the current slice: it does not advance within a slice. */
  #sliceTime: bigint | undefined;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** True while a slice is in the main loop's queue. */
  #queued = false;

  constructor(private readonly options: BoardOptions) {
    this.#platform = new Platform({
      ...options,
      clock: () => this.#sliceTime ?? this.#clock.now(),
    });
  }

  /** Loads the guest program into RAM. */
  loadProgram(): void {
    this.options.ram.set(guestProgram());
  }

  /** The status that the guest program keeps in RAM. */
  guestStatus(): GuestStatus {
    return readGuestStatus(this.options.ram);
  }

  /** Everything with state, in the order of the stream. */
  devices(): readonly DeviceEntry[] {
    const clock: DeviceEntry<Value<typeof clockState>> = {
      idstr: clockState.name,
      instanceId: 0,
      state: clockState,
      save: () => ({ nanoseconds: this.#clock.now() }),
      load: ({ nanoseconds }) => this.#clock.set(nanoseconds),
    };
    return [clock, ...this.#platform.devices()];
  }

  start(): void {
    this.#running = true;
    this.#clock.start();
    this.#schedule();
  }

  /** Stops the guest; nothing changes its memory until it starts again. */
  stop(): void {
    this.#running = false;
    this.#clock.stop();
    this.#platform.settle();
    clearTimeout(this.#timer);
  }

  /** Schedules the next slice: now, or at the next deadline of a device. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const next = this.#platform.nextRun();
    if (next === null) return;
    const milliseconds = Math.ceil(Number(next - this.#clock.now()) / 1e6);
    if (milliseconds <= 0) this.#queue();
    else this.#timer = setTimeout(() => this.#slice(), milliseconds);
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.options.loop.slice(() => {
      this.#queued = false;
      this.#slice();
    });
  }

  #slice(): void {
    if (!this.#running) return;
    this.#sliceTime = this.#clock.now();
    this.#platform.run(SLICE_INSTRUCTIONS);
    this.#sliceTime = undefined;
    switch (this.#platform.takeStopRequest()) {
      case "poweroff":
        return this.options.onPowerOff();
      case "reset":
        this.#platform.reset();
    }
    this.#schedule();
  }
}
