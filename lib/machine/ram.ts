import { Fd } from "../../ffi/fd.ts";
import { fileStatus } from "../../ffi/file_status.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_CREAT, O_RDWR } from "../../ffi/open_flags.ts";
import { CprError, type CprRegistry } from "../cpr/mod.ts";
import type { MigrationBlockers } from "../migration/mod.ts";
import { PAGE_BITS } from "./cpu/mod.ts";

/** Options of {@linkcode RamBlock}. */
export interface RamBlockOptions {
  /** Unique in the machine; identifies the block in stream and CPR state. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether writes are visible to other processes with its memfd or file. */
  readonly share: boolean;
  /** Its file, which each process opens by itself; else it is a memfd. */
  readonly path?: string | undefined;
  /** Guest physical address. */
  readonly guestAddress: number;
}

/** Only the owner may read a VM's memory. */
const FILE_MODE = 0o600;

const SAME_OPTIONS = "Start the new program with the same memory options";

/**
 * Creates the RAM of a machine, or takes over the RAM that the old process handed
 * over, all of which must belong to this machine.
 *
 * @param registry what was handed over; empty on a first start
 * @throws {CprError} when what was handed over is not this machine's RAM
 */
export function makeRam(
  blocks: readonly RamBlockOptions[],
  origin: "new" | "preserved",
  registry: CprRegistry,
  blockers: MigrationBlockers,
): RamBlock[] {
  using made = new DisposableStack();
  const ram = blocks.map((block) => {
    const isNew = origin === "new" || block.path !== undefined;
    const make = isNew ? RamBlock.create : RamBlock.takeOver;
    return made.use(make(block, registry));
  });
  if (origin === "preserved") refuseOthers(registry, blocks);
  for (const { name, share } of blocks) {
    if (!share) blockers.add(["cpr-transfer", "cpr-exec"], notShared(name));
  }
  made.move();
  return ram;
}

function refuseOthers(
  registry: CprRegistry,
  blocks: readonly RamBlockOptions[],
): void {
  for (const { name, id } of registry.walk()) {
    if (id === 0 && blocks.some((block) => block.name === name)) continue;
    throw new CprError(
      "cpr-unknown",
      `Descriptor "${name}" id ${id} was handed over: ` +
        "this machine does not use it",
      { remedy: SAME_OPTIONS },
    );
  }
}

/** The migration blocker for a block that is not shared. */
function notShared(name: string): string {
  return `RAMBlock "${name}" cannot be preserved: share=on is required for ` +
    "memory-backend objects, and aux-ram-share=on for all other RAM";
}

/**
 * A piece of guest memory: a memfd or file mapped into this process. A shared
 * memfd is preserved over cpr-exec: the new process finds it and maps it again,
 * at another address, with everything in it.
 */
export class RamBlock implements Disposable {
  readonly name: string;
  readonly share: boolean;
  readonly isSharedFile: boolean;
  readonly guestAddress: number;
  /** A byte for each page, which is 1 if the guest has written to the page. */
  readonly dirty: Uint8Array;
  readonly #mapping: Mapping;

  private constructor(
    options: RamBlockOptions,
    private readonly memfd: Fd,
    private readonly registry: CprRegistry,
  ) {
    this.name = options.name;
    this.share = options.share;
    this.isSharedFile = options.share && options.path !== undefined;
    this.guestAddress = options.guestAddress;
    this.dirty = new Uint8Array(options.size >>> PAGE_BITS);
    this.#mapping = Mapping.map(memfd, {
      length: options.size,
      shared: options.share,
      writable: true,
    });
  }

  /**
   * Creates a block of zeros, or maps a file with what is in it.
   *
   * @throws {OsError} when there is no memory, or the file cannot be used
   */
  static create(options: RamBlockOptions, registry: CprRegistry): RamBlock {
    const { name, size, share, path } = options;
    using made = new DisposableStack();
    const memfd = made.use(
      path === undefined ? createMemfd(name, { size }) : openFile(path, size),
    );
    if (share && path === undefined) {
      registry.save(name, 0, memfd.number);
      made.defer(() => registry.delete(name, 0));
    }
    const block = new RamBlock(options, memfd, registry);
    made.move();
    return block;
  }

  /**
   * Takes over the block of that name from the old process.
   *
   * @throws {CprError} when there is none, or it is not this block
   */
  static takeOver(options: RamBlockOptions, registry: CprRegistry): RamBlock {
    const { name } = options;
    const preserved = registry.find(name, 0);
    if (preserved === undefined) {
      throw new CprError(
        "cpr-missing",
        `RAMBlock "${name}" was not handed over: it would be all zero`,
        { remedy: SAME_OPTIONS },
      );
    }
    checkPreserved(preserved, options);
    return new RamBlock(options, Fd.adopt(preserved), registry);
  }

  /** Bytes in use: all, as no block is resizable. */
  get usedLength(): number {
    return this.#mapping.length;
  }

  /** The memory of the block. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /** Virtual address of the mapping in this process. */
  get address(): bigint {
    return this.#mapping.address;
  }

  /** Inode of the memfd: the same before and after an exec. */
  get inode(): bigint {
    return this.memfd.stat().ino;
  }

  get descriptor(): number {
    return this.memfd.number;
  }

  /** Unmaps and closes the block, and removes it from the registry. */
  [Symbol.dispose](): void {
    this.registry.delete(this.name, 0);
    this.#mapping[Symbol.dispose]();
    this.memfd.close();
  }
}

/** A file that has at least so many bytes. */
function openFile(path: string, size: number): Fd {
  using made = new DisposableStack();
  const file = made.use(Fd.open(path, O_RDWR | O_CREAT, FILE_MODE));
  if (file.stat().size < size) file.truncate(size);
  made.move();
  return file;
}

/** Detects mixed-up descriptors: a memfd has the name of its block. */
function checkPreserved(descriptor: number, options: RamBlockOptions): void {
  const { name, size } = options;
  const link = Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  if (link !== `/memfd:${name} (deleted)`) {
    throw new CprError(
      "cpr-wrong-descriptor",
      `Descriptor ${descriptor} was preserved as RAMBlock "${name}": ` +
        `it is "${link}"`,
    );
  }
  const actual = fileStatus(descriptor).size;
  if (actual !== size) {
    throw new CprError(
      "cpr-wrong-size",
      `RAMBlock "${name}" was preserved with ${actual} bytes: ` +
        `this machine has ${size}`,
      { remedy: SAME_OPTIONS },
    );
  }
}
