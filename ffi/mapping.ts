/**
 * Files mapped into memory, guest RAM above all.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { check, libc, osError } from "./libc.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MADV_DONTNEED = 4;
/**
 * A multiple of every page size that Linux has, and what it maps at once around
 * a page that is looked at.
 */
const RELEASE_UNIT = 64 * 1024;

export interface MappingOptions {
  /** In bytes, at least 1. */
  readonly length: number;
  /** Where in the file it begins: a multiple of the page size; 0 unless said otherwise. */
  readonly offset?: number;
  /** Whether writes reach the file (share=on) or stay in this mapping. */
  readonly shared: boolean;
  /**
   * Whether the bytes may be written. JavaScript has no read-only buffer: a
   * write to a mapping that is not writable ends the process by SIGSEGV.
   */
  readonly writable: boolean;
}

/**
 * A file in memory, without a copy.
 *
 * The size is bounded by the address space alone: one ArrayBuffer, and one
 * Uint8Array over it, have been seen to take 8 TiB.
 *
 * Who truncates a mapped file ends this process by SIGBUS at the next access of
 * what was cut off; map only files that nobody else writes or that are sealed.
 */
export class Mapping implements Disposable {
  /** Where the first byte lies in this process. */
  readonly address: bigint;
  /** In bytes. */
  readonly length: number;
  readonly #buffer: ArrayBuffer;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #mapped = true;

  private constructor(address: bigint, length: number) {
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) throw osError("EFAULT", "mmap");
    this.address = address;
    this.length = length;
    this.#buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, length);
    this.#bytes = new Uint8Array(this.#buffer);
  }

  /**
   * Maps a part of a file. The descriptor may be closed afterwards.
   *
   * @throws {RangeError} when the part goes beyond the end of the file: touching
   * that would end the process.
   * @throws {OsError} EACCES when the descriptor does not allow it, EPERM when a
   * seal does not, EINVAL, ENOMEM, ENODEV.
   */
  static map(fd: Fd, options: MappingOptions): Mapping {
    const { length, offset = 0, shared, writable } = options;
    const status = fd.stat();
    if (status.isFile && offset + length > status.size) {
      throw new RangeError(
        `Cannot map ${length} bytes at ${offset} of "descriptor ${fd.number}": ` +
          `the file has ${status.size}`,
      );
    }
    const address = libc().mmap(
      0n,
      BigInt(length),
      writable ? PROT_READ | PROT_WRITE : PROT_READ,
      shared ? MAP_SHARED : MAP_PRIVATE,
      fd.number,
      BigInt(offset),
    );
    check(Number(address), "mmap", fd.number);
    return new Mapping(address, length);
  }

  /**
   * The mapped memory.
   *
   * @throws {TypeError} when unmapped.
   */
  get buffer(): ArrayBuffer {
    this.#checkMapped();
    return this.#buffer;
  }

  /**
   * The same as bytes.
   *
   * @throws {TypeError} when unmapped.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#checkMapped();
    return this.#bytes;
  }

  #checkMapped(): void {
    if (!this.#mapped) {
      throw new TypeError("Cannot use mapping: it is unmapped");
    }
  }

  /**
   * Gives back the memory of a file mapping's bytes from `start` to `end`: who
   * walks through a large file does not hold all of it. A later look reads the
   * file again; writes of a private mapping are lost.
   *
   * @returns up to where it was given back, which may be some kilobytes before
   * the end: there the next part begins
   * @throws {OsError}
   */
  release(start: number, end: number): number {
    this.#checkMapped();
    // Units of addresses, as the kernel brings in what is around a page.
    const shift = Number(this.address % BigInt(RELEASE_UNIT));
    const first = Math.ceil((shift + start) / RELEASE_UNIT) * RELEASE_UNIT;
    const last = Math.floor((shift + end) / RELEASE_UNIT) * RELEASE_UNIT;
    if (last <= first) return start;
    const address = this.address - BigInt(shift) + BigInt(first);
    check(
      libc().madvise(address, BigInt(last - first), MADV_DONTNEED),
      "madvise",
    );
    return last - shift;
  }

  /**
   * Detaches the buffer, then unmaps the memory: views that someone kept have
   * length 0 from then on, and a DataView throws; none of them can reach what
   * lies at the address later.
   */
  [Symbol.dispose](): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.#buffer.transfer(0);
    check(libc().munmap(this.address, BigInt(this.length)), "munmap");
  }
}
