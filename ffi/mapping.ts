/**
 * Maps files into memory, such as guest RAM.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { call, check, libc, osError } from "./libc.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const NO_FILE = -1;
const MADV_DONTNEED = 4;
/** A multiple of every page size, and the size of the kernel's fault-around. */
const RELEASE_UNIT = 64 * 1024;

export interface MappingOptions {
  /** In bytes, at least 1. */
  readonly length: number;
  /** Start in the file, a multiple of the page size; 0 by default. */
  readonly offset?: number;
  /** Whether writes reach the file (share=on) or stay in this mapping. */
  readonly shared: boolean;
  /**
   * Whether the bytes may be written. JavaScript has no read-only buffer: a
   * write to a mapping that is not writable ends the process by SIGSEGV.
   */
  readonly writable: boolean;
}

/** A part of a file. */
export interface MappedPart {
  /** In bytes; for all but the last part, a multiple of the page size. */
  readonly length: number;
  /** A multiple of the page size; undefined for zeros in place of a part. */
  readonly offset: number | undefined;
}

/**
 * A file in memory, without a copy.
 *
 * The size is only limited by the address space: one ArrayBuffer with one
 * Uint8Array over it was tested with 8 TiB.
 *
 * If the file is truncated, the next access beyond its end kills this process
 * by SIGBUS: map only files that no other process writes, or that are sealed.
 */
export class Mapping implements Disposable {
  /** Of the first byte in this process. */
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
   * @throws {RangeError} when the part reaches beyond the end of the file: an
   * access there would kill the process.
   * @throws {OsError} EACCES when the descriptor does not allow it, EPERM when
   * a seal does not, EINVAL, ENOMEM, ENODEV.
   */
  static map(fd: Fd, options: MappingOptions): Mapping {
    const { length, offset = 0, shared, writable } = options;
    const status = fd.stat();
    if (status.isFile && offset + length > status.size) {
      throw beyondEnd(fd, length, offset, status.size);
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
   * Maps parts of a file one after another, to be read only.
   *
   * @param parts at least one
   * @throws {RangeError} as {@link map}
   * @throws {OsError} as {@link map}; ENOMEM also for too many parts
   */
  static mapParts(fd: Fd, parts: readonly MappedPart[]): Mapping {
    const { size } = fd.stat();
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const zeros = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const address = libc().mmap(
      0n,
      BigInt(length),
      PROT_READ,
      zeros,
      NO_FILE,
      0n,
    );
    check(Number(address), "mmap", fd.number);
    using undo = new DisposableStack();
    const mapping = undo.use(new Mapping(address, length));
    let at = 0n;
    for (const part of parts) {
      const { length, offset } = part;
      if (offset !== undefined) {
        if (offset + length > size) throw beyondEnd(fd, length, offset, size);
        const mapped = libc().mmap(
          address + at,
          BigInt(length),
          PROT_READ,
          MAP_SHARED | MAP_FIXED,
          fd.number,
          BigInt(offset),
        );
        check(Number(mapped), "mmap", fd.number);
      }
      at += BigInt(length);
    }
    undo.move();
    return mapping;
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
   * Releases the memory of a file mapping from `start` to `end`, to read a
   * large file in bounded memory. A later access reads the file again; writes
   * to a private mapping are lost.
   *
   * @returns the end of the released part, which may be some kilobytes before
   * `end`: the start of the next part
   * @throws {OsError}
   */
  release(start: number, end: number): number {
    this.#checkMapped();
    // Aligned by address, because of the kernel's fault-around.
    const shift = Number(this.address % BigInt(RELEASE_UNIT));
    const first = Math.ceil((shift + start) / RELEASE_UNIT) * RELEASE_UNIT;
    const last = Math.floor((shift + end) / RELEASE_UNIT) * RELEASE_UNIT;
    if (last <= first) return start;
    const address = this.address - BigInt(shift) + BigInt(first);
    call("madvise", [address, BigInt(last - first), MADV_DONTNEED]);
    return last - shift;
  }

  /**
   * Detaches the buffer, then unmaps the memory: remaining views have length 0,
   * and a DataView throws; none of them can access the address later.
   */
  [Symbol.dispose](): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.#buffer.transfer(0);
    call("munmap", [this.address, BigInt(this.length)]);
  }
}

function beyondEnd(
  fd: Fd,
  length: number,
  offset: number,
  size: number,
): RangeError {
  return new RangeError(
    `Cannot map ${length} bytes at ${offset} of "descriptor ${fd.number}": ` +
      `the file has ${size}`,
  );
}
