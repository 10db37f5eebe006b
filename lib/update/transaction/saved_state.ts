import type { Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import {
  decodeStream,
  type RamBlock,
  readStreamSetup,
} from "../../migration/mod.ts";
import { StreamError } from "../../stream/mod.ts";
import { UpdateProblem } from "../error.ts";
import { backendOf } from "../vm/device_memory.ts";
import type { Hold } from "./hold.ts";
import { type SavedRunState, settleRunState } from "./saved_run_state.ts";

const MIB = 1024 ** 2;
/**
 * Devices without RAM: a few megabytes; with a thousand vCPUs, or pictures of a
 * virtio-gpu, tens of them. The VM's user writes the file, and memory of ours
 * is taken for it.
 */
const MAXIMUM_STATE = 64 * MIB;
/**
 * Up to here a state is verified: what is made of it takes up to eleven times
 * its memory, if it was written to do so. A vCPU has some 30 kB.
 */
const MAXIMUM_VERIFIED = 10 * MIB;
/** What comes before the devices lists the RAMBlocks: kilobytes. */
const MAXIMUM_SETUP = 4 * MIB;
/** Sections and commands: a few for each vCPU and device. */
const MAXIMUM_RECORDS = 65_536;
/** Compared at once. */
const PIECE = 256 * 1024;

const WORD_BYTES = 4;

/**
 * The state file, read through a descriptor of its own. What QEMU wrote is kept
 * in memory: the format has no checksum, and a file that was altered on the way
 * loads without a word.
 */
export class SavedState implements Disposable {
  readonly #file: Fd;
  /** What the file began with before the switchover, when it was looked at. */
  #setup: Uint8Array<ArrayBuffer> = new Uint8Array();
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #runState: SavedRunState | undefined;

  /** @param file at the path, open to be read and written */
  constructor(readonly path: string, file: Fd) {
    this.#file = file;
  }

  /**
   * Opens the state file, which exists.
   *
   * @throws {OsError} EAGAIN when the VM's user has a lease on it
   */
  static open(path: string): SavedState {
    return new SavedState(path, openForeignFile(path, { writable: true }));
  }

  /**
   * The last look before the switchover: every RAMBlock that the stream lists is
   * held, or comes back from a file by its name.
   *
   * @param comesBack whether a RAMBlock needs no descriptor, such as that of a
   * shared file that is at its name
   * @param deviceMemory backends whose block the stream names with a path
   * @throws {UpdateProblem} naming the blocks that would be lost
   * @throws {StreamError} when the stream cannot be read
   */
  checkRam(
    hold: Pick<Hold, "has" | "hasMemory">,
    comesBack: (block: string) => boolean,
    deviceMemory: ReadonlySet<string> = new Set(),
  ): void {
    this.#setup = this.#read(MAXIMUM_SETUP);
    const { blocks } = readStreamSetup(this.#setup);
    const isKept = ({ name, usedLength }: RamBlock) => {
      if (hold.has(name) || comesBack(name)) return true;
      const backend = backendOf(name, blocks, deviceMemory);
      return backend !== undefined &&
        (hold.hasMemory(backend, usedLength) || comesBack(backend));
    };
    const lost = blocks.filter((block) => !isKept(block))
      .map(({ name }) => `"${name}"`);
    if (lost.length === 0) return;
    throw new UpdateProblem(
      "ram-would-be-lost",
      `RAMBlock ${lost.join(", ")} would not be preserved`,
      {
        remedy: "Start the VM with share=on for its memory-backend and " +
          "aux-ram-share=on for its machine; a file that is its memory has to " +
          "stay where it is",
      },
    );
  }

  /**
   * Keeps what was written, once the device state is complete. QEMU goes on
   * writing from where it was, so that the beginning, should it have changed,
   * can be put back.
   *
   * @param completed the old program said that it wrote everything
   * @returns why it cannot be verified to its last byte; undefined if it was
   * @throws {StreamError} when it is torn and the program said nothing
   * @throws {UpdateProblem} when it is too large
   */
  keep(completed: boolean): string | undefined {
    const bytes = this.#read(this.#size());
    if (bytes.length >= this.#setup.length) bytes.set(this.#setup);
    const doubt = this.#doubt(bytes, completed);
    this.#bytes = bytes;
    if (this.#runState?.replaced === true) this.#write(bytes);
    return doubt;
  }

  /** What only the program that wrote it, and the one that loads it, know. */
  #doubt(
    bytes: Uint8Array<ArrayBuffer>,
    completed: boolean,
  ): string | undefined {
    if (bytes.length > MAXIMUM_VERIFIED) return tooLarge(bytes, completed);
    try {
      const { vmdesc, trailing, records } = decodeStream(bytes, {
        maximumRecords: MAXIMUM_RECORDS,
      });
      this.#runState = settleRunState(bytes, records);
      if (trailing.length > 0) return `${trailing.length} bytes follow its end`;
      return vmdesc === undefined
        ? "it has no description of itself"
        : undefined;
    } catch (error) {
      if (!completed || !(error instanceof StreamError)) throw error;
      return error.message;
    }
  }

  /** True once the whole state is kept. */
  get complete(): boolean {
    return this.#bytes !== undefined;
  }

  /**
   * Makes sure that the file says what was kept.
   *
   * @returns true if it had been altered, and was written anew
   */
  restore(): boolean {
    const kept = this.#bytes;
    if (kept === undefined || this.#says(kept)) return false;
    this.#write(kept);
    return true;
  }

  /** In which the VM was saved; undefined where that cannot be told. */
  get runState(): SavedRunState | undefined {
    return this.#runState;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): void {
    this.#file.truncate(0);
    this.#file.seek(0);
    this.#file.writeAll(bytes);
  }

  /**
   * How large it is; it belongs to the VM's user, who may make it as large as
   * they like.
   *
   * @throws {UpdateProblem} when it is larger than a state can be
   */
  #size(): number {
    const { size } = this.#file.stat();
    if (size <= MAXIMUM_STATE) return size;
    throw new UpdateProblem(
      "state-too-large",
      `State file "${this.path}" has ${size} bytes, far more than devices need`,
    );
  }

  /** What is at its start, at most so many bytes; into memory once. */
  #read(limit: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(this.#size(), limit));
    return bytes.subarray(0, this.#fill(bytes, 0));
  }

  /** Reads from an offset until there is no room, or no more. */
  #fill(into: Uint8Array<ArrayBuffer>, offset: number): number {
    let length = 0;
    while (length < into.length) {
      const count = this.#file.pread(into.subarray(length), offset + length);
      if (count === 0) break;
      length += count;
    }
    return length;
  }

  /** Whether the file has these bytes and no others; within the downtime. */
  #says(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#file.stat().size !== bytes.length) return false;
    const piece = new Uint8Array(Math.min(PIECE, bytes.length));
    for (let at = 0; at < bytes.length; at += piece.length) {
      const expected = bytes.subarray(at, at + piece.length);
      const found = piece.subarray(0, expected.length);
      if (this.#fill(found, at) < found.length) return false;
      if (!equal(found, expected)) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** @throws {UpdateProblem} when nobody else said that it is whole */
function tooLarge({ length }: Uint8Array, completed: boolean): string {
  const doubt = `it has ${length} bytes, which is too much to be looked at`;
  if (completed) return doubt;
  throw new UpdateProblem(
    "state-unverified",
    `The saved state cannot be verified: ${doubt}`,
  );
}

/** Word by word; both begin at a multiple of a word. */
function equal(
  a: Uint8Array<ArrayBuffer>,
  b: Uint8Array<ArrayBuffer>,
): boolean {
  if (a.length !== b.length) return false;
  const words = Math.floor(a.length / WORD_BYTES);
  const aWords = new Uint32Array(a.buffer, a.byteOffset, words);
  const bWords = new Uint32Array(b.buffer, b.byteOffset, words);
  for (let at = 0; at < words; at++) {
    if (aWords[at] !== bWords[at]) return false;
  }
  for (let at = words * WORD_BYTES; at < a.length; at++) {
    if (a[at] !== b[at]) return false;
  }
  return true;
}
