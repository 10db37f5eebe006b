const INITIAL_CAPACITY = 4096;
const encoder = new TextEncoder();

/**
 * Writes big-endian values to a growing buffer. A value that does not fit its
 * width is a RangeError; nothing is truncated silently.
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

  /** Number of bytes written so far, including drained ones. */
  get offset(): number {
    return this.#drained + this.#length;
  }

  /** Number of bytes written and not yet drained. */
  get length(): number {
    return this.#length;
  }

  /** A copy of the bytes written and not yet drained. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /**
   * Takes the bytes written since the last drain out of the buffer, so that a
   * long stream does not stay in memory. The offset keeps counting.
   */
  drain(): Uint8Array<ArrayBuffer> {
    const bytes = this.toBytes();
    this.#drained += this.#length;
    this.#length = 0;
    return bytes;
  }

  /**
   * Counts bytes that are in the stream without being written here: after a
   * drain.
   */
  skip(count: number): void {
    this.#drained += count;
  }

  /** One byte, 0 to 255. */
  u8(value: number): void {
    const at = this.#reserve(1, value, 0, 0xff);
    this.#view.setUint8(at, value);
  }

  /** One byte, -128 to 127. */
  i8(value: number): void {
    const at = this.#reserve(1, value, -0x80, 0x7f);
    this.#view.setInt8(at, value);
  }

  /** be16, unsigned. */
  u16(value: number): void {
    const at = this.#reserve(2, value, 0, 0xffff);
    this.#view.setUint16(at, value);
  }

  /** be16, two's complement. */
  i16(value: number): void {
    const at = this.#reserve(2, value, -0x8000, 0x7fff);
    this.#view.setInt16(at, value);
  }

  /** be32, unsigned. */
  u32(value: number): void {
    const at = this.#reserve(4, value, 0, 0xffff_ffff);
    this.#view.setUint32(at, value);
  }

  /** be32, two's complement. */
  i32(value: number): void {
    const at = this.#reserve(4, value, -0x8000_0000, 0x7fff_ffff);
    this.#view.setInt32(at, value);
  }

  /** be64, unsigned. */
  u64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(value, 8);
    const at = this.#grow(8); // before the view is used: it may be replaced
    this.#view.setBigUint64(at, value);
  }

  /** be64, two's complement. */
  i64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange(value, 8);
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value);
  }

  /** A be64 from a safe non-negative integer. */
  size64(value: number): void {
    this.u64(BigInt(value));
  }

  /** Bytes as they are. */
  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  /** `count` zero bytes. */
  zeros(count: number): void {
    const at = this.#grow(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** UTF-8, without a length or a NUL. */
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
