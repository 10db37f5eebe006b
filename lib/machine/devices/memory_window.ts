import { PAGE_BITS, type Width } from "../cpu/mod.ts";
import type { Device } from "./device.ts";

/** Memory that the guest accesses over the bus, little-endian. */
export class MemoryWindow implements Device {
  readonly #view: DataView;

  /** @param dirty set to 1 for each page that is written to */
  constructor(bytes: Uint8Array, private readonly dirty?: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  read(offset: number, width: Width): number {
    if (width === 1) return this.#view.getUint8(offset);
    if (width === 2) return this.#view.getUint16(offset, true);
    return this.#view.getInt32(offset, true);
  }

  write(offset: number, width: Width, value: number): boolean {
    if (this.dirty !== undefined) this.dirty[offset >>> PAGE_BITS] = 1;
    if (width === 1) this.#view.setUint8(offset, value);
    else if (width === 2) this.#view.setUint16(offset, value, true);
    else this.#view.setInt32(offset, value, true);
    return true;
  }
}
