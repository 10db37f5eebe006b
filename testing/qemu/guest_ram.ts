/**
 * Guest RAM, seen from outside: through the memfd that backs it, or in the
 * memory of the process where it is anonymous.
 *
 * @module
 */

import { parseMaps } from "../../lib/proc/maps.ts";
import { openDescriptors } from "../program/descriptors.ts";
import { GUEST } from "./guest.ts";
import { until } from "../program/until.ts";
import { writeAll } from "../program/write_all.ts";

/** Something that a guest does to its machine. */
export interface PortWrite {
  readonly port: number;
  /** A byte where the upper half is zero, else a word. */
  readonly value: number;
}

/** All machines with anonymous RAM have this much. */
const ANONYMOUS_BYTES = 64 * 1024 ** 2;
/** As memory-backend-memfd names its file. */
const BACKING = "/memfd:memory-backend-memfd";

/** A part of a process's memory. */
interface Range {
  readonly start: number;
  readonly size: number;
}

/** Where the anonymous RAM is: no other mapping has just this size. */
function anonymousRam(pid: number): Range {
  const text = Deno.readTextFileSync(`/proc/${pid}/maps`);
  for (const { start, end, permissions, path } of parseMaps(text)) {
    const size = Number(end - start);
    const isPlain = permissions === "rw-p" && path === "";
    if (isPlain && size === ANONYMOUS_BYTES) {
      return { start: Number(start), size };
    }
  }
  throw new Error(`Cannot find guest RAM in process ${pid}`);
}

/** The main RAM of a QEMU process, from guest physical address 0 on. */
export class GuestRam implements Disposable {
  readonly #file: Deno.FsFile;
  /** Tells whether two processes have the same RAM; null if anonymous. */
  readonly inode: number | null;
  /** Bytes. */
  readonly size: number;
  /** Of guest physical address 0 in the file. */
  readonly #start: number;

  private constructor(file: Deno.FsFile, range?: Range) {
    this.#file = file;
    const { ino, size } = file.statSync();
    this.inode = range === undefined ? ino : null;
    this.size = range?.size ?? size;
    this.#start = range?.start ?? 0;
  }

  /**
   * Opens the RAM that a process has now.
   *
   * @param known inode of the one to choose where devices have memory as well;
   * unless it is there, the first that the process opened
   */
  static open(pid: number, known?: number | null): GuestRam {
    const paths = openDescriptors(pid)
      .filter(({ target }) => target.startsWith(BACKING))
      .sort((a, b) => a.number - b.number)
      .map(({ number }) => `/proc/${pid}/fd/${number}`);
    const path = paths.find((it) => Deno.statSync(it).ino === known) ??
      paths[0];
    const access = { read: true, write: true };
    if (path !== undefined) return new GuestRam(Deno.openSync(path, access));
    const range = anonymousRam(pid);
    return new GuestRam(Deno.openSync(`/proc/${pid}/mem`, access), range);
  }

  /** A copy of `length` bytes from a guest physical address on. */
  read(address: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(this.#start + address, Deno.SeekMode.Start);
    let done = 0;
    while (done < length) {
      const got = this.#file.readSync(bytes.subarray(done));
      if (got === null) throw new Error(`Guest RAM ends before ${address}`);
      done += got;
    }
    return bytes;
  }

  /** Writes behind the guest's back. */
  write(address: number, bytes: Uint8Array): void {
    this.#file.seekSync(this.#start + address, Deno.SeekMode.Start);
    writeAll(this.#file, bytes);
  }

  /** How far the guest has counted. */
  counter(): number {
    return this.#u32(GUEST.counter);
  }

  /** How often the guest booted on this RAM. */
  boots(): number {
    return this.#u32(GUEST.boots);
  }

  /** Has the guest write to its I/O ports; returns when it has. */
  async orderAll(
    writes: readonly PortWrite[],
    timeoutMs: number,
  ): Promise<void> {
    for (const write of writes) {
      this.order(write);
      await until(
        "the guest obeys",
        timeoutMs,
        () => this.read(GUEST.order, 2).every((byte) => byte === 0),
      );
    }
  }

  /** Has the guest write to one of its I/O ports, as soon as it runs. */
  order({ port, value }: PortWrite): void {
    this.#setU16(GUEST.order + 2, port);
    this.#setU16(GUEST.order, value);
  }

  /** Returns once the guest counts, with where it is then. */
  async counterMoves(timeoutMs: number): Promise<number> {
    const before = this.counter();
    await until(
      "the guest's counter moves",
      timeoutMs,
      () => this.counter() !== before,
    );
    return this.counter();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #setU16(address: number, value: number): void {
    const bytes = new Uint8Array(2);
    new DataView(bytes.buffer).setUint16(0, value, true);
    this.write(address, bytes);
  }

  #u32(address: number): number {
    const { buffer } = this.read(address, 4);
    return new DataView(buffer).getUint32(0, true);
  }
}
