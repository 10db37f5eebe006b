import type { Width } from "../cpu/mod.ts";
import type { Device } from "./device.ts";

/** What the guest asked the machine for. */
export type StopRequest = "poweroff" | "reset";

const POWEROFF = 0x5555;
const RESET = 0x7777;

/**
 * The way out: the guest writes 0x5555 to offset 0 for poweroff, 0x7777 for
 * reset. What it asked for is done before anything is migrated, so there is
 * no state.
 */
export class Finisher implements Device {
  #request: StopRequest | undefined;

  /** What was asked for and not yet taken. */
  get request(): StopRequest | undefined {
    return this.#request;
  }

  /** Gives the request to whoever carries it out; the guest may run on. */
  take(): StopRequest | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  read(): number {
    return 0;
  }

  write(offset: number, _width: Width, value: number): boolean {
    const code = value & 0xffff;
    if (offset === 0 && code === POWEROFF) this.#request = "poweroff";
    if (offset === 0 && code === RESET) this.#request = "reset";
    return true;
  }
}
