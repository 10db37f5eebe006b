const INITIAL_CAPACITY = 4096;
const encoder = new TextEncoder();

/**
 * A writer into growing memory. All integers are big-endian; a value that
 * does not fit its width is a RangeError, never a silent truncation.
 *
 * @example
 * ```ts
 * import { Sink } from "./sink.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const sink = new Sink();
 * sink.u16(0x5145);
 * sink.countedString("ram");
 * assertEquals(sink.toBytes(), Uint8Array.of(0x51, 0x45, 3, 114, 97, 109));
 * ```
 */
export class Sink {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #drained = 0;

  /** Number of bytes written so far, drained ones included. */
  get offset(): number {
    return this.#drained + this.#length;
  }

  /** A copy of everything written and not drained. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /**
   * Takes everything written since the last drain, so that a long stream need
   * not stay in memory; the offset goes on counting.
   */
  drain(): Uint8Array<ArrayBuffer> {
    const bytes = this.toBytes();
    this.#drained += this.#length;
    this.#length = 0;
    return bytes;
  }

  u8(value: number): void {
    const at = this.#reserve(1, value, 0, 0xff);
    this.#view.setUint8(at, value);
  }

  i8(value: number): void {
    const at = this.#reserve(1, value, -0x80, 0x7f);
    this.#view.setInt8(at, value);
  }

  u16(value: number): void {
    const at = this.#reserve(2, value, 0, 0xffff);
    this.#view.setUint16(at, value);
  }

  i16(value: number): void {
    const at = this.#reserve(2, value, -0x8000, 0x7fff);
    this.#view.setInt16(at, value);
  }

  u32(value: number): void {
    const at = this.#reserve(4, value, 0, 0xffff_ffff);
    this.#view.setUint32(at, value);
  }

  i32(value: number): void {
    const at = this.#reserve(4, value, -0x8000_0000, 0x7fff_ffff);
    this.#view.setInt32(at, value);
  }

  u64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(value, 8);
    const at = this.#grow(8); // first: growing replaces the view
    this.#view.setBigUint64(at, value);
  }

  i64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange(value, 8);
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value);
  }

  /** A be64 from a safe non-negative integer. */
  size64(value: number): void {
    this.u64(BigInt(value));
  }

  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  /** `count` zero bytes. */
  zeros(count: number): void {
    const at = this.#grow(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** UTF-8 without length or NUL. */
  text(value: string): void {
    this.bytes(encoder.encode(value));
  }

  /** A counted string: u8 length, then that many bytes, no NUL. */
  countedString(value: string): void {
    const text = encoder.encode(value);
    this.u8(text.length);
    this.bytes(text);
  }

  #reserve(size: number, value: number, low: number, high: number): number {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw outOfRange(value, size);
    }
    return this.#grow(size);
  }

  #grow(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return start;
  }
}

function outOfRange(value: number | bigint, size: number): RangeError {
  return new RangeError(`Value ${value} does not fit ${size} bytes`);
}
