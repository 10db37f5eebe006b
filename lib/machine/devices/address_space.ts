import { RAM_BASE, type Width } from "../cpu/mod.ts";
import type { Device } from "./device.ts";

interface Attachment {
  readonly base: number;
  readonly size: number;
  readonly device: Device;
}

/** Finds the device behind a physical address. RAM is not among them. */
export class AddressSpace {
  readonly #attachments: Attachment[] = [];

  /** @throws {RangeError} when the range overlaps another one, or RAM */
  attach(region: { base: number; size: number }, device: Device): void {
    const { base, size } = region;
    const overlaps = this.#attachments.some((other) =>
      base < other.base + other.size && other.base < base + size
    );
    if (overlaps || base < 0 || size <= 0 || base + size > RAM_BASE) {
      throw new RangeError(
        `Cannot attach a device at 0x${base.toString(16)}: not free`,
      );
    }
    this.#attachments.push({ base, size, device });
  }

  /** @returns undefined if no device has the address */
  load(address: number, width: Width): number | undefined {
    const found = this.#at(address, width);
    return found?.device.read(address - found.base, width);
  }

  /** @returns false if no device has the address */
  store(address: number, width: Width, value: number): boolean {
    const found = this.#at(address, width);
    return found?.device.write(address - found.base, width, value) ?? false;
  }

  #at(address: number, width: Width): Attachment | undefined {
    return this.#attachments.find(({ base, size }) =>
      address >= base && address + width <= base + size
    );
  }
}
