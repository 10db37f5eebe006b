import type { Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import { decodeStream } from "../../migration/stream/decode.ts";
import type { DecodedRecord } from "../../migration/stream/decoded.ts";
import type { RamBlock } from "../../migration/stream/ram_block.ts";
import { readStreamSetup } from "../../migration/stream/setup.ts";
import { StreamError } from "../../stream/mod.ts";
import { UpdateProblem } from "../error.ts";
import { backendOf } from "../vm/ram.ts";
import type { Hold } from "./hold.ts";
import { canBeLoaded } from "../vm/run_state.ts";

const MIB = 1024 ** 2;
/**
 * Devices without RAM need a few megabytes; a thousand vCPUs, or the resources
 * of a virtio-gpu, tens of megabytes. The VM's user writes the file, and it is
 * read into our memory.
 */
const MAXIMUM_STATE = 64 * MIB;
/**
 * Larger states are not verified: a hostile one takes up to eleven times its
 * size in memory to decode. A vCPU has about 30 kB.
 */
const MAXIMUM_VERIFIED = 10 * MIB;
/** The list of RAMBlocks, before the devices: kilobytes. */
const MAXIMUM_SETUP = 4 * MIB;
/** Sections and commands: a few for each vCPU and device. */
const MAXIMUM_RECORDS = 65_536;
/** Size of one comparison, in bytes. */
const PIECE = 256 * 1024;

const WORD_BYTES = 4;

/**
 * The state file. What QEMU wrote is kept in memory as well: the format has no
 * checksum, and QEMU loads an altered file without an error.
 */
export class SavedState implements Disposable {
  /** The start of the file, as it was before the switchover. */
  #setup: Uint8Array<ArrayBuffer> = new Uint8Array();
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #runState: SavedRunState | undefined;
  /** Whether `#bytes` differ from what QEMU wrote. */
  #adjusted = false;

  /** @param file the file at the path, open for reading and writing */
  constructor(readonly path: string, private readonly file: Fd) {}

  /**
   * Opens an existing state file.
   *
   * @throws {OsError} EAGAIN when the VM's user has a lease on it
   */
  static open(path: string): SavedState {
    return new SavedState(path, openForeignFile(path, { writable: true }));
  }

  /**
   * The last check before the switchover: every RAMBlock that the stream lists
   * is held, or needs no descriptor.
   *
   * @param persists whether a RAMBlock needs no descriptor, such as a shared
   * file that still has its name
   * @param deviceMemory backends whose block the stream names with a path
   * @throws {UpdateProblem} naming the blocks that would be lost
   * @throws {StreamError} when the stream cannot be read
   */
  checkRam(
    hold: Pick<Hold, "has" | "hasMemory">,
    persists: (block: string) => boolean,
    deviceMemory: ReadonlySet<string> = new Set(),
  ): void {
    this.#setup = this.#read(MAXIMUM_SETUP);
    const { blocks } = readStreamSetup(this.#setup);
    const isKept = ({ name, usedLength }: RamBlock) => {
      if (hold.has(name) || persists(name)) return true;
      const backend = backendOf(name, blocks, deviceMemory);
      return backend !== undefined &&
        (hold.hasMemory(backend, usedLength) || persists(backend));
    };
    const lost = blocks.filter((block) => !isKept(block))
      .map(({ name }) => `"${name}"`);
    if (lost.length === 0) return;
    throw new UpdateProblem(
      "ram-would-be-lost",
      `RAMBlock ${lost.join(", ")} would not be preserved`,
      {
        remedy: "Start the VM with share=on for its memory-backend and " +
          "aux-ram-share=on for its machine; do not move or remove a file " +
          "that is its memory",
      },
    );
  }

  /**
   * Keeps the state, once the source has saved its devices. The part before the
   * switchover is taken as it was then: QEMU does not write it again.
   *
   * @param completed whether the source reported that the migration completed
   * @returns why it cannot be verified to its last byte; undefined if it was
   * @throws {StreamError} when it is incomplete and not reported as completed
   * @throws {UpdateProblem} when it is too large
   */
  keep(completed: boolean): string | undefined {
    const bytes = this.#read(this.#size());
    if (bytes.length >= this.#setup.length) bytes.set(this.#setup);
    const unverified = this.#verify(bytes, completed);
    this.#bytes = bytes;
    if (this.#adjusted) this.#write(bytes);
    return unverified;
  }

  /** @returns why the state cannot be verified; undefined if it was */
  #verify(
    bytes: Uint8Array<ArrayBuffer>,
    completed: boolean,
  ): string | undefined {
    if (bytes.length > MAXIMUM_VERIFIED) return tooLarge(bytes, completed);
    try {
      const { vmdesc, trailing, records } = decodeStream(bytes, {
        maximumRecords: MAXIMUM_RECORDS,
      });
      this.#runState = settleRunState(bytes, records);
      const isRenumbered = renumberUserNetworks(bytes, records);
      this.#adjusted = isRenumbered || this.#runState?.replaced === true;
      if (trailing.length > 0) return `${trailing.length} bytes follow its end`;
      return vmdesc === undefined ? "it has no vmdesc" : undefined;
    } catch (error) {
      if (!completed || !(error instanceof StreamError)) throw error;
      return error.message;
    }
  }

  /** Whether the complete state is kept. */
  get complete(): boolean {
    return this.#bytes !== undefined;
  }

  /**
   * Makes sure that the file has the state that was kept.
   *
   * @returns true if it had been altered, and was rewritten
   */
  restore(): boolean {
    const kept = this.#bytes;
    if (kept === undefined || this.#has(kept)) return false;
    this.#write(kept);
    return true;
  }

  /** The VM's saved run state; undefined if it could not be decoded. */
  get runState(): SavedRunState | undefined {
    return this.#runState;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): void {
    this.file.truncate(0);
    this.file.seek(0);
    this.file.writeAll(bytes);
  }

  /**
   * The size of the file; the VM's user can make it as large as they like.
   *
   * @throws {UpdateProblem} when it is larger than a state can be
   */
  #size(): number {
    const { size } = this.file.stat();
    if (size <= MAXIMUM_STATE) return size;
    throw new UpdateProblem(
      "state-too-large",
      `State file "${this.path}" has ${size} bytes, more than devices can need`,
    );
  }

  /** Reads from the start, at most so many bytes. */
  #read(limit: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(this.#size(), limit));
    return bytes.subarray(0, this.file.preadAll(bytes, 0));
  }

  /** Whether the file has exactly these bytes; runs within the downtime. */
  #has(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.file.stat().size !== bytes.length) return false;
    const piece = new Uint8Array(Math.min(PIECE, bytes.length));
    for (let at = 0; at < bytes.length; at += piece.length) {
      const expected = bytes.subarray(at, at + piece.length);
      const found = piece.subarray(0, expected.length);
      if (this.file.preadAll(found, at) < found.length) return false;
      if (!equal(found, expected)) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** @throws {UpdateProblem} when the source did not report completion either */
function tooLarge({ length }: Uint8Array, completed: boolean): string {
  const unverified = `it has ${length} bytes, which is too large to decode`;
  if (completed) return unverified;
  throw new UpdateProblem(
    "state-unverified",
    `The saved state cannot be verified: ${unverified}`,
  );
}

/** Compares by words, within the downtime; both are aligned to a word. */
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

/** be32 size of the text with its NUL, then the text. */
const SIZE_BYTES = 4;
const SUBSTITUTE = "paused";

/** The run state that the destination will load. */
interface SavedRunState {
  /** Such as "running". */
  readonly saved: string;
  /** Whether QEMU had saved one that cannot be loaded, which was replaced. */
  readonly replaced: boolean;
}

/**
 * Finds the run state in section "globalstate". It may be newer than the last
 * reply to query-status. QEMU aborts when it loads some of them, such as
 * "debug" (a breakpoint): these are replaced by "paused" in the bytes.
 *
 * @returns undefined if there is none
 */
function settleRunState(
  bytes: Uint8Array<ArrayBuffer>,
  records: readonly DecodedRecord[],
): SavedRunState | undefined {
  const field = findText(records);
  if (field === undefined) return undefined;
  const text = bytes.subarray(field.offset, field.offset + field.size);
  const end = text.indexOf(0);
  if (end <= 0) return undefined;
  const saved = new TextDecoder().decode(text.subarray(0, end));
  if (canBeLoaded(saved)) return { saved, replaced: false };
  new DataView(bytes.buffer, bytes.byteOffset)
    .setUint32(field.offset - SIZE_BYTES, SUBSTITUTE.length + 1);
  text.fill(0);
  new TextEncoder().encodeInto(SUBSTITUTE, text);
  return { saved: SUBSTITUTE, replaced: true };
}

function findText(records: readonly DecodedRecord[]) {
  for (const record of records) {
    if (record.type !== "full" || record.name !== "globalstate") continue;
    if (record.state instanceof Uint8Array) return undefined;
    return record.state.fields.find(({ name }) => name === "runstate");
  }
  return undefined;
}

const USER_NETWORK = "slirp";
/** Of a section's header: its type, id, and the size of its name. */
const BEFORE_NAME = 1 + 4 + 1;

/**
 * QEMU numbers user networks as they are made. After netdev_del the later ones
 * keep their numbers; the destination has all of them from 0 on, in the same
 * order.
 *
 * @returns whether bytes were changed
 */
function renumberUserNetworks(
  bytes: Uint8Array<ArrayBuffer>,
  records: readonly DecodedRecord[],
): boolean {
  const networks = records.filter((record) => record.type === "full")
    .filter(({ name }) => name === USER_NETWORK)
    .sort((a, b) => a.instanceId - b.instanceId);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const [number, { offset, name }] of networks.entries()) {
    view.setUint32(offset + BEFORE_NAME + name.length, number);
  }
  return networks.some(({ instanceId }, number) => instanceId !== number);
}
