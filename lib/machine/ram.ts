import { Fd } from "../../ffi/fd.ts";
import { fileStatus } from "../../ffi/file_status.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError, type CprRegistry } from "../cpr/mod.ts";
import type { MigrationBlockers } from "../migration/mod.ts";

/** What a RAMBlock is made from. */
export interface RamBlockOptions {
  /** Unique in the machine; the stream and CPR state know the block by it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether other processes that have its memfd see what is written. */
  readonly share: boolean;
}

const SAME_OPTIONS = "Start the new program with the same memory options";

/**
 * Makes the RAM of a machine; where an old process handed its RAM over, that
 * very RAM: all of it, and nothing else.
 *
 * @param registry what was handed over; empty in a first start
 * @throws {CprError} when what was handed over is not this machine's RAM
 */
export function makeRam(
  blocks: readonly RamBlockOptions[],
  origin: "new" | "preserved",
  registry: CprRegistry,
  blockers: MigrationBlockers,
): RamBlock[] {
  const make = origin === "new" ? RamBlock.create : RamBlock.takeOver;
  using made = new DisposableStack();
  const ram = blocks.map((block) => made.use(make(block, registry)));
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
      `Descriptor "${name}" id ${id} was handed over: this machine has no ` +
        "use for it",
      { remedy: SAME_OPTIONS },
    );
  }
}

/** What forbids preserving a block that is not shared. */
function notShared(name: string): string {
  return `RAMBlock "${name}" cannot be preserved: share=on is required for ` +
    "memory-backend objects, and aux-ram-share=on for all other RAM";
}

/**
 * A piece of guest memory: a memfd mapped into this process. A shared one is
 * preserved over cpr-exec: the new process finds its memfd and maps it again,
 * at another address, with everything in it.
 */
export class RamBlock implements Disposable {
  readonly name: string;
  readonly share: boolean;
  readonly #memfd: Fd;
  readonly #mapping: Mapping;
  readonly #registry: CprRegistry;

  private constructor(
    options: RamBlockOptions,
    memfd: Fd,
    registry: CprRegistry,
  ) {
    this.name = options.name;
    this.share = options.share;
    this.#memfd = memfd;
    this.#registry = registry;
    this.#mapping = Mapping.map(memfd, {
      length: options.size,
      shared: options.share,
      writable: true,
    });
  }

  /**
   * Makes a block that is new and all zero.
   *
   * @throws {OsError} when there is no memory
   */
  static create(options: RamBlockOptions, registry: CprRegistry): RamBlock {
    const { name, size, share } = options;
    using made = new DisposableStack();
    const memfd = made.use(createMemfd(name, { size }));
    if (share) {
      registry.save(name, 0, memfd.number);
      made.defer(() => registry.delete(name, 0));
    }
    const block = new RamBlock(options, memfd, registry);
    made.move();
    return block;
  }

  /**
   * Takes over the block that an old process preserved under the name.
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

  /** Bytes in use: all of it, as no block is resizable. */
  get usedLength(): number {
    return this.#mapping.length;
  }

  /** The block as the guest sees it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /** Virtual address of the mapping in this process. */
  get address(): bigint {
    return this.#mapping.address;
  }

  /** Inode of the memfd: the same before and after an exec. */
  get inode(): bigint {
    return this.#memfd.stat().ino;
  }

  get descriptor(): number {
    return this.#memfd.number;
  }

  /** Unmaps and closes the block, which is preserved no more. */
  [Symbol.dispose](): void {
    this.#registry.delete(this.name, 0);
    this.#mapping[Symbol.dispose]();
    this.#memfd.close();
  }
}

/** A block's memfd carries its name, so a mix-up of descriptors is noticed. */
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
