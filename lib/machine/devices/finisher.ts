import type { Width } from "../cpu/mod.ts";
import type { Device } from "./device.ts";

/** A request of the guest. */
export type StopRequest = "poweroff" | "reset";

const POWEROFF = 0x5555;
const RESET = 0x7777;

/**
 * Poweroff and reset: the guest writes 0x5555 or 0x7777 to offset 0. A request is
 * executed before a migration can begin, so the device has no state.
 */
export class Finisher implements Device {
  #request: StopRequest | undefined;

  /** The pending request. */
  get request(): StopRequest | undefined {
    return this.#request;
  }

  /** Takes the request; the guest may run on. */
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
