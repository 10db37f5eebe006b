import { StreamError, TornStreamError } from "./error.ts";

/** A byte order mark is kept as text. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads big-endian values from bytes in memory or in a mapped file. Signed
 * integers are two's complement. Every method that reads past the end throws
 * {@linkcode TornStreamError}.
 *
 * @example
 * ```ts
 * import { Source } from "./source.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const source = new Source(Uint8Array.of(0x51, 0x45, 0x00, 0x2a));
 * assertEquals(source.u16(), 0x5145);
 * assertEquals(source.u16(), 42);
 * assertEquals(source.remaining, 0);
 * ```
 */
export class Source {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  #position = 0;

  /**
   * Reads from the first byte on.
   *
   * @param bytes the stream; not copied
   * @param options.base absolute offset of the first byte, for messages
   */
  constructor(bytes: Uint8Array, options: { base?: number } = {}) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = options.base ?? 0;
  }

  /** Absolute offset of the next byte. */
  get offset(): number {
    return this.#base + this.#position;
  }

  /**
   * Moves to an absolute offset.
   *
   * @throws {StreamError} when it is outside the bytes
   */
  seek(offset: number): void {
    const position = offset - this.#base;
    if (position < 0 || position > this.#bytes.length) {
      throw new StreamError(
        `Offset ${offset} lies outside the stream: it ends at ` +
          `${this.#base + this.#bytes.length}`,
        this.offset,
      );
    }
    this.#position = position;
  }

  /** Number of bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  /**
   * Checks that `count` bytes are left.
   *
   * @throws {TornStreamError} when fewer are left
   * @throws {RangeError} when `count` is negative or not an integer
   */
  need(count: number): void {
    if (!(count >= 0) || !Number.isInteger(count)) {
      throw new RangeError(`Count ${count} is not a number of bytes`);
    }
    if (count > this.remaining) {
      throw new TornStreamError(this.offset, count, this.remaining);
    }
  }

  /** The byte at `ahead` from here, or undefined past the end. */
  peek(ahead = 0): number | undefined {
    return this.#bytes[this.#position + ahead];
  }

  /** The byte at `ahead` from here. */
  peekByte(ahead = 0): number {
    this.need(ahead + 1);
    return this.#view.getUint8(this.#position + ahead);
  }

  /** The next `count` bytes as a view, without moving. */
  peekView(count: number): DataView {
    this.need(count);
    const start = this.#view.byteOffset + this.#position;
    return new DataView(this.#view.buffer, start, count);
  }

  /** `count` bytes at `ahead` as text; undefined past the end, or if not UTF-8. */
  peekText(ahead: number, count: number): string | undefined {
    if (ahead + count > this.remaining) return undefined;
    const start = this.#position + ahead;
    try {
      return utf8.decode(this.#bytes.subarray(start, start + count));
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** Skips `count` bytes. */
  skip(count: number): void {
    this.need(count);
    this.#position += count;
  }

  /** One byte, 0 to 255. */
  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  /** One byte, -128 to 127. */
  i8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  /** be16, unsigned. */
  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  /** be16, two's complement. */
  i16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  /** be32, unsigned. */
  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** be32, two's complement. */
  i32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  /** be64, unsigned. */
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** be64, two's complement. */
  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  /**
   * A be64 that must be a safe integer: sizes, offsets, page addresses.
   *
   * @throws {StreamError} above 2^53 - 1
   */
  size64(): number {
    const at = this.offset;
    const high = this.u32();
    const low = this.u32();
    if (high > 0x1f_ffff) {
      throw new StreamError(
        `Size 0x${high.toString(16)}${low.toString(16).padStart(8, "0")} ` +
          `at offset ${at} is too large to be real`,
        at,
      );
    }
    return high * 0x1_0000_0000 + low;
  }

  /** The next `count` bytes as a view (not a copy). */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** The next `count` bytes as a DataView (not a copy). */
  view(count: number): DataView {
    const view = this.peekView(count);
    this.#advance(count);
    return view;
  }

  /**
   * The next `count` bytes as UTF-8 text.
   *
   * @throws {StreamError} when they are not valid UTF-8
   */
  text(count: number): string {
    const at = this.offset;
    try {
      return utf8.decode(this.bytes(count));
    } catch (error) {
      if (error instanceof TypeError) {
        throw new StreamError(`Text at offset ${at} is not UTF-8`, at, {
          cause: error,
        });
      }
      throw error;
    }
  }

  /** A counted string: u8 length, then that many bytes, no NUL. */
  countedString(): string {
    return this.text(this.u8());
  }

  #advance(count: number): number {
    this.need(count);
    const start = this.#position;
    this.#position += count;
    return start;
  }
}
