import type { Sink } from "../../stream/mod.ts";
import { PLAIN_RAM_LAYOUT, type RamBlock, writeRamBlock } from "./ram_block.ts";
import { RamFlag } from "./ram_records.ts";

/** Writes the payload of RAM sections; remembers the current block. */
export class RamWriter {
  readonly #sink: Sink;
  #current: string | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /**
   * The payload of START: the block list and EOS.
   *
   * @throws {RangeError} when a block is not whole pages: the low bits of the
   * total are flags
   */
  blockList(blocks: readonly RamBlock[]): void {
    let total = 0;
    for (const { name, usedLength } of blocks) {
      if (usedLength % PLAIN_RAM_LAYOUT.pageSize !== 0) {
        throw new RangeError(`RAM block "${name}" is not whole pages`);
      }
      total += usedLength;
    }
    this.#sink.size64(total + RamFlag.MEM_SIZE);
    for (const block of blocks) writeRamBlock(this.#sink, block);
    this.end();
  }

  /**
   * One page; a page of zeros takes nine bytes.
   *
   * @param address offset in the block, a multiple of the page's size
   */
  page(block: string, address: number, page: Uint8Array): void {
    const zero = isZero(page);
    const again = block === this.#current;
    const kind = zero ? RamFlag.ZERO : RamFlag.PAGE;
    this.#sink.size64(address + kind + (again ? RamFlag.CONTINUE : 0));
    if (!again) this.#sink.countedString(block);
    this.#current = block;
    if (zero) this.#sink.u8(0);
    else this.#sink.bytes(page);
  }

  /** Ends a payload. */
  end(): void {
    this.#sink.size64(RamFlag.EOS);
  }
}

/** Word by word where the page's place in memory allows it. */
function isZero(page: Uint8Array): boolean {
  if (page.byteOffset % 4 !== 0 || page.length % 4 !== 0) {
    return page.every((byte) => byte === 0);
  }
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  return words.every((word) => word === 0);
}
